import assert from "node:assert/strict";
import { hintOfLines, messagesOfLines, policyOfLines } from "./load_text.ts";

const pki = 'pki MX.test cert "/c" key "/k"\n';

Deno.test("resolveCertificate() adds up the lines of one name, in any case of letters", () => {
  const { pki, ca } = policyOfLines(
    'pki A.test cert "/c"\npki a.TEST key "/k" dhe none\npki "*" cert "/d" key "/l"\nca X cert "/x"',
  );
  const place = (line: number) => ({ file: "smtpd.conf", line, column: 1 });
  assert.deepEqual(pki, {
    "a.test": { name: "a.test", cert: "/c", key: "/k", dhe: "none", place: place(1) },
    "*": { name: "*", cert: "/d", key: "/l", dhe: "none", place: place(3) },
  });
  assert.deepEqual(ca, { x: { name: "x", cert: "/x", place: place(4) } });
});

Deno.test("resolveCertificate() takes the last of two files", () => {
  assert.equal(policyOfLines('pki a cert "/c" key "/k" cert "/d"').pki["a"]?.cert, "/d");
});

Deno.test("the lines of certificates have these errors and warnings", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['pki "a b" cert "/c"', ["1:5 not a valid domain name: a b"]],
    ['pki a cert c key "/k"', ["1:12 invalid path of a certificate or key: c"]],
    ['pki a cert "/c"', ["1:5 missing key file of pki: a"]],
    ['pki a key "/k"', ["1:5 missing certificate file of pki: a"]],
    ['pki a cert "/c" key "/k" dhe autom', ["1:30 invalid DHE keyword: autom"]],
    ['pki a cert "/c" key "/k" dhe legacy', ["1:30 `dhe legacy` has no effect: the TLS library has no DHE ciphers"]],
    ['ca "" cert "/c"', ["1:4 not a valid domain name: "]],
    ['ca a cert "/c"\nca A cert "/c"', ["2:4 ca already declared with that name: A"]],
  ];
  for (const [text, want] of cases) assert.deepEqual(messagesOfLines(text), want, text);
});

Deno.test("listeners name certificates above, relays anywhere", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    [`${pki}listen on lo tls pki mx.TEST`, []],
    [`listen on lo tls pki mx.test\n${pki}`, ["1:22 pki name not found: mx.test"]],
    [`action a relay pki MX.test ca roots\n${pki}ca roots cert "/r"`, []],
    ["action a relay pki mx.test ca roots", ["1:20 pki name not found: mx.test", "1:31 ca name not found: roots"]],
    // The declaration has an error of its own.
    ["action a relay pki mx.test\npki mx.test cert", [
      "2:17 syntax error: expected the path of a file in quotes, found the end of the line",
    ]],
  ];
  for (const [text, want] of cases) assert.deepEqual(messagesOfLines(text), want, text);
  assert.equal(hintOfLines(`listen on lo tls pki mx.test\n${pki}`), "declare it above this line");
});

Deno.test("ciphers and protocols are kept as they are written", () => {
  const { listeners, ciphers, actions } = policyOfLines(
    `${pki}smtp ciphers ALL\nlisten on lo inet4 tls pki mx.test ciphers HIGH protocols tlsv1.3\n` +
      "action a relay ciphers DEFAULT protocols tlsv1.2",
  );
  const [, inet] = listeners;
  assert.ok(inet?.kind === "inet");
  assert.deepEqual([ciphers, inet.tls.ciphers, inet.tls.protocols], ["ALL", "HIGH", "tlsv1.3"]);
  const action = actions["a"];
  assert.ok(action?.kind === "relay");
  assert.deepEqual([action.ciphers, action.protocols], ["DEFAULT", "tlsv1.2"]);
});

Deno.test("ciphers are refused where the library does not keep to them", () => {
  for (
    const [line, at] of [
      ["smtp ciphers AES128-SHA", "2:14"],
      ["listen on lo tls pki mx.test ciphers AES128-SHA", "2:38"],
      ["action a relay ciphers AES128-SHA", "2:24"],
    ] as const
  ) {
    assert.deepEqual(messagesOfLines(pki + line), [`${at} ciphers that the TLS library cannot keep to: AES128-SHA`]);
    assert.match(hintOfLines(pki + line) ?? "", /^none of its own is in it\n/);
  }
  assert.match(hintOfLines('smtp ciphers "HIGH:!CHACHA20"') ?? "", /^it always offers ECDHE-ECDSA-CHACHA20-POLY1305, /);
});
