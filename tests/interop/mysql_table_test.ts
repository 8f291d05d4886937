/** Tables in MariaDB, the package of Debian. */

import { equal, rejects } from "node:assert/strict";
import { findProgram } from "../support/programs.ts";
import { hostileKeys, isFault, openServerTable, type Site, testServerTable } from "../support/server_table.ts";
import { asNobody, freePort, makeCertificate, openFolder, RealServer, run } from "../support/servers.ts";

const program = findProgram("mariadbd");
const install = findProgram("mariadb-install-db");
const ignore = program === null || install === null;
const quoted = (text: string) => `'${text.replace(/['\\]/g, (char) => `\\${char}`).replaceAll("\r\n", "\\r\\n")}'`;

const schema = `
SET NAMES utf8mb4;
CREATE DATABASE mail CHARACTER SET utf8mb4;
USE mail;
CREATE TABLE aliases (name varchar(255), destination varchar(255));
INSERT INTO aliases VALUES ('bob', 'ann'), ('bob', 'carl@x.test');
CREATE TABLE users (name varchar(255), hash varchar(255), uid integer, gid bigint, home varchar(255));
INSERT INTO users VALUES ('bob', '$6$x', 1000, 100, '/home/bob');
CREATE TABLE sources (address varchar(255));
INSERT INTO sources VALUES ('192.0.2.1'), ('192.0.2.2');
CREATE TABLE texts (name varchar(255), value varbinary(255));
INSERT INTO texts VALUES ('bob', 'bob'), ${hostileKeys.map((key) => `(${quoted(key)}, ${quoted(key)})`).join(", ")};
CREATE USER mail IDENTIFIED BY 'hunter2';
GRANT SELECT ON mail.* TO mail;
CREATE USER safe IDENTIFIED BY 'hunter2' REQUIRE SSL;
GRANT SELECT ON mail.* TO safe;
`;
const queries = `
query_alias SELECT destination FROM aliases WHERE name = ? ORDER BY destination;
query_credentials SELECT name, hash FROM users WHERE name = ?;
query_userinfo SELECT uid, gid, home FROM users WHERE name = ?
query_string SELECT value FROM texts WHERE name = ? AND name <> 'why?' AND CAST(? AS BINARY) <> ''
query_domain SELECT SLEEP(30) FROM aliases WHERE ? = 'slow'
query_mailaddr SELECT nothing FROM nowhere WHERE a = ?
fetch_source SELECT address FROM sources ORDER BY address
`;

let base = "";
let port = 0;

async function makeSite(): Promise<Site> {
  const folder = await openFolder();
  port = freePort();
  const data = `${folder}/data`;
  const socket = `${folder}/sock`;
  await run(asNobody([
    install!,
    "--no-defaults",
    `--datadir=${data}`,
    `--tmpdir=${folder}`,
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
    "--skip-name-resolve",
  ]));
  const { ca, cert, key } = await makeCertificate(folder);
  await run(asNobody(["/bin/sh", "-c", 'umask 077; cat > "$0/server.key"', data]), await Deno.readTextFile(key));
  const server = new RealServer(
    asNobody([
      program!,
      "--no-defaults",
      `--datadir=${data}`,
      `--tmpdir=${folder}`,
      `--socket=${socket}`,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      "--skip-name-resolve",
      `--pid-file=${folder}/pid`,
      `--ssl-cert=${cert}`,
      `--ssl-key=${data}/server.key`,
    ]),
    /ready for connections/,
    folder,
    socket,
  );
  await server.start();
  await run(["mariadb", "--no-defaults", `--socket=${socket}`, "-u", "root"], schema);
  base = `socket ${socket}\nusername mail\npassword hunter2\ndatabase mail\n`;
  const tcp = `port ${port}\npassword hunter2\ndatabase mail\n`;
  return {
    server,
    queries,
    ways: {
      socket: base,
      path: `host unix:${socket}\nusername mail\npassword hunter2\ndatabase mail\n`,
      tcp: `host 127.0.0.1\nusername mail\n${tcp}`,
      name: `host localhost\nusername mail\n${tcp}`,
      require: `host 127.0.0.1\nusername safe\ntls require\n${tcp}`,
      verify: `host localhost\nusername safe\nca ${ca}\n${tcp}`,
    },
  };
}

testServerTable("mysql", { ignore, packages: "mariadb-server" }, [
  ["alias", "ann, carl@x.test"],
  ["credentials", "bob:$6$x"],
  ["userinfo", "1000:100:/home/bob"],
  ["string", "bob"],
], makeSite);

const options = { ignore };

Deno.test({ name: "mysql: a slow query is a timeout, and the others go on", ...options }, async () => {
  const table = await openServerTable("mysql", `${base}${queries}timeout 1\ncache_size 0`);
  const slow = rejects(table.check("domain", "slow"), isFault("timeout", /no answer from the server within 1 s/));
  equal(await table.check("alias", "bob"), true);
  await slow;
  equal(await table.check("alias", "bob"), true);
  table.close();
});

Deno.test({ name: "mysql: an error of the server is a Fault that says it", ...options }, async () => {
  const table = await openServerTable("mysql", base + queries);
  await rejects(
    table.lookup("mailaddr", "x"),
    isFault("unavailable", /Cannot look up mailaddr in table t: Table 'mail.nowhere' doesn't exist/),
  );
  equal(await table.check("alias", "bob"), true);
  table.close();
});

Deno.test({ name: "mysql: a server that is not let in, or not there, is a Fault", ...options }, async () => {
  for (
    const [text, want] of [
      [`host 127.0.0.1\nport ${port}\nusername mail\npassword wrong\n`, /Access denied for user 'mail'/],
      [`host 127.0.0.1\nport ${port}\nusername safe\npassword hunter2\n`, /Access denied for user 'safe'/],
      [`host localhost\nport ${port}\nusername safe\npassword hunter2\ntls verify\n`, /certificate|Unknown/i],
      ["host 127.0.0.1\nport 1\nusername mail\n", /ECONNREFUSED/],
      ["host no.such.name.invalid\nusername mail\n", /no\.such\.name\.invalid/],
    ] as const
  ) {
    const table = await openServerTable("mysql", text + queries);
    await rejects(table.check("alias", "bob"), isFault("unavailable", want), text);
    table.close();
  }
});
