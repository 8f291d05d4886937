/** Tables in OpenLDAP, the packages `slapd` and `ldap-utils` of Debian. */

import { rejects } from "node:assert/strict";
import { findProgram } from "../support/programs.ts";
import { hostileKeys, isFault, openServerTable, type Site, testServerTable } from "../support/server_table.ts";
import { freePort, makeCertificate, openFolder, RealServer, run } from "../support/servers.ts";

const program = findProgram("slapd");
const ignore = program === null || findProgram("ldapadd") === null;

const queries = `
alias_filter (&(objectClass=inetOrgPerson)(uid=%u))
alias_attributes mail
credentials_filter (&(objectClass=posixAccount)(uid=%u))
credentials_attributes uid, userPassword
userinfo_filter (&(objectClass=posixAccount)(uid=%s))
userinfo_attributes uidNumber,gidNumber,homeDirectory
string_filter (&(objectClass=device)(description=%u))
string_attributes description
source_filter (&(objectClass=device)(l=%h))
source_attributes description
`;

const hex64 = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const device = (name: string, value: string, more = "") =>
  `dn: cn=${name},dc=test\nobjectClass: device\ncn: ${name}\ndescription:: ${hex64(value)}\n${more}`;
const ldif = [
  "dn: dc=test\nobjectClass: dcObject\nobjectClass: organization\ndc: test\no: test\n",
  "dn: uid=bob,dc=test\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\nuid: bob\ncn: Bob\nsn: B\n" +
  "mail: ann\nmail: carl@x.test\nuidNumber: 1000\ngidNumber: 100\nhomeDirectory: /home/bob\nuserPassword: $6$x\n",
  ...["bob", ...hostileKeys].map((key, i) => device(`d${i}`, key)),
  device("s1", "192.0.2.1", "l: t\n"),
  device("s2", "192.0.2.2", "l: t\n"),
].join("\n");

let base = "";
let port = 0;

async function makeSite(): Promise<Site> {
  const folder = await openFolder();
  port = freePort();
  const tlsPort = freePort();
  const { ca, cert, key } = await makeCertificate(folder);
  await Deno.mkdir(`${folder}/data`);
  const conf = [
    ...["core", "cosine", "nis", "inetorgperson"].map((name) => `include /etc/ldap/schema/${name}.schema`),
    "modulepath /usr/lib/ldap\nmoduleload back_mdb",
    `TLSCertificateFile ${cert}\nTLSCertificateKeyFile ${key}`,
    'database mdb\nsuffix "dc=test"\nrootdn "cn=admin,dc=test"\nrootpw hunter2',
    `directory ${folder}/data\ndbnosync\nindex uid,description eq`,
    "access to * by users read by anonymous auth",
  ].join("\n");
  await Deno.writeTextFile(`${folder}/slapd.conf`, `${conf}\n`);
  const socket = `ldapi://${encodeURIComponent(`${folder}/sock`)}`;
  const urls = `ldap://127.0.0.1:${port} ldaps://127.0.0.1:${tlsPort} ${socket}`;
  const server = new RealServer(
    [program!, "-f", `${folder}/slapd.conf`, "-h", urls, "-d", "32768"],
    /slapd starting/,
    folder,
    `${folder}/sock`,
  );
  await server.start();
  const login = "username cn=admin,dc=test\npassword hunter2\nbasedn dc=test\n";
  await run(["ldapadd", "-x", "-H", socket, "-D", "cn=admin,dc=test", "-w", "hunter2"], ldif);
  base = `url: ${socket}\n${login}`;
  return {
    server,
    queries,
    ways: {
      socket: base,
      tcp: `url: ldap://127.0.0.1:${port}\n${login}`,
      name: `url localhost:${port}\n${login}`,
      starttls: `url ldap+tls://localhost:${port}\nca ${ca}\n${login}`,
      require: `url ldap://127.0.0.1:${port}\ntls require\n${login}`,
      ldaps: `url ldaps://localhost:${tlsPort}\nca ${ca}\n${login}`,
    },
  };
}

testServerTable("ldap", { ignore, packages: "slapd, ldap-utils" }, [
  ["alias", "ann, carl@x.test"],
  ["credentials", "bob:$6$x"],
  ["userinfo", "1000:100:/home/bob"],
  ["string", "bob"],
], makeSite);

const options = { ignore };

Deno.test({ name: "ldap: an error of the server is a Fault that says it", ...options }, async () => {
  const table = await openServerTable("ldap", base.replace("basedn dc=test", "basedn dc=else") + queries);
  await rejects(table.check("alias", "bob"), isFault("unavailable", /Cannot check alias in table t: NoSuchObject/));
  table.close();
});

Deno.test({ name: "ldap: a server that is not let in, or not there, is a Fault", ...options }, async () => {
  const login = "username cn=admin,dc=test\npassword hunter2\nbasedn dc=test\n";
  for (
    const [text, want] of [
      [`url ldap://127.0.0.1:${port}\n${login.replace("hunter2", "wrong")}`, /InvalidCredentials/],
      [`url ldap+tls://localhost:${port}\n${login}`, /certificate|Unknown/i],
      [`url ldap://127.0.0.1:1\n${login}`, /ECONNREFUSED/],
      [`url ldap://no.such.name.invalid\n${login}`, /no\.such\.name\.invalid/],
    ] as const
  ) {
    const table = await openServerTable("ldap", text + queries);
    await rejects(table.check("alias", "bob"), isFault("unavailable", want), text);
    table.close();
  }
});
