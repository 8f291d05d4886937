/** The address of an LDAP server, as table-ldap(5) writes it. Pure. */

/** Where a directory is and how it is talked to. */
export type LdapPlace =
  | {
    readonly kind: "tcp";
    /** Host name or address, without brackets. */
    readonly host: string;
    /** 1 … 65535. */
    readonly port: number;
    /** `ldaps` begins with TLS, `starttls` asks for it. */
    readonly tls: "none" | "ldaps" | "starttls";
  }
  | { readonly kind: "unix"; readonly path: string };

/** Port of LDAP, with and without StartTLS. */
export const ldapPort = 389;
/** Port of LDAP in TLS. */
export const ldapsPort = 636;

/** Reads `ldap://host[:port]`, `ldaps://…`, `ldap+tls://…` (StartTLS), `ldapi://%2Fpath`, or a host alone. What follows
 * the host in RFC 4516 (base, filter) has keywords of its own and is refused. Null for anything else. */
export function parseLdapUrl(text: string): LdapPlace | null {
  const unix = /^ldapi:\/\/([^?]+)$/i.exec(text);
  if (unix !== null) {
    const path = decode(unix[1]!);
    return path !== null && path.startsWith("/") && !path.includes("\0") ? { kind: "unix", path } : null;
  }
  const match = /^(?:(ldap|ldaps|ldap\+tls):\/\/)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?\/?$/i.exec(
    text,
  );
  if (match === null) return null;
  const scheme = (match[1] ?? "ldap").toLowerCase();
  const port = match[3] === undefined ? scheme === "ldaps" ? ldapsPort : ldapPort : Number(match[3]);
  if (port < 1 || port > 65_535) return null;
  const host = match[2]!.replace(/^\[(.*)\]$/, "$1");
  return { kind: "tcp", host, port, tls: scheme === "ldaps" ? "ldaps" : scheme === "ldap" ? "none" : "starttls" };
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
