/** `ciphers` of listeners and relays, as SSL_CTX_set_cipher_list(3) reads it: whether what the TLS library does anyway is
 * within it. Pure. */

/** The suites of TLS 1.2 that the library has, and always offers. Those of TLS 1.3 are no matter of such a list. */
const suites: readonly string[] = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-RSA-CHACHA20-POLY1305",
];

/** How many suites of TLS 1.2 the library has. */
export const suiteCount: number = suites.length;

/** Words for suites among which the library's are, each with what tells them; all other words name others. */
const groups: Readonly<Record<string, RegExp>> = {
  "ALL": /./,
  "DEFAULT": /./,
  "COMPLEMENTOFALL": /^$/,
  "HIGH": /./,
  "SECURE": /./,
  "COMPAT": /./,
  "LEGACY": /./,
  "INSECURE": /./,
  "TLSV1.2": /./,
  "ECDH": /./,
  "EECDH": /./,
  "ECDHE": /./,
  "KEECDH": /./,
  "KECDHE": /./,
  "AECDSA": /ECDSA/,
  "ECDSA": /ECDSA/,
  "ARSA": /-RSA-/,
  "AES": /AES/,
  "AESGCM": /GCM/,
  "AES128": /AES128/,
  "AES256": /AES256/,
  "CHACHA20": /CHACHA20/,
  "SHA256": /AES128-GCM-SHA256|POLY1305/,
  "SHA384": /SHA384/,
};

/** What the library cannot honour of a list: suites that it offers although they are not in it. Empty when the list
 * allows them all. */
export function unwantedSuites(list: string): readonly string[] {
  const wanted = new Set<string>();
  const never = new Set<string>();
  for (const word of list.split(/[:, ]+/).filter((one) => one !== "")) {
    if (word.startsWith("@")) continue;
    const sign = /^[!+-]/.exec(word)?.[0] ?? "";
    const meant = suitesOf(word.slice(sign.length));
    for (const suite of meant) {
      if (sign === "!") never.add(suite);
      // `+` only moves suites to the end.
      if (sign === "!" || sign === "-") wanted.delete(suite);
      if (sign === "" && !never.has(suite)) wanted.add(suite);
    }
  }
  return suites.filter((suite) => !wanted.has(suite));
}

/** Words joined by `+` have to hold all together. */
function suitesOf(word: string): readonly string[] {
  const parts = word.split("+").map((part) => part.toUpperCase());
  return suites.filter((suite) => parts.every((part) => suite === part || groups[part]?.test(suite) === true));
}
