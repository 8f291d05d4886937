/** Tables in PostgreSQL, the package of Debian. */

import { deepEqual, equal, rejects } from "node:assert/strict";
import { join } from "@std/path";
import { Client } from "../e2e/client.ts";
import { Site as Premises } from "../e2e/daemon.ts";
import { hostileKeys, isFault, openServerTable, type Site, testServerTable } from "../support/server_table.ts";
import { asNobody, findPostgres, freePort, makeCertificate, openFolder, RealServer, run } from "../support/servers.ts";
import { until } from "../support/wait.ts";

const bin = findPostgres();
const ignore = bin === null;
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

const schema = `
CREATE TABLE aliases (name text, destination text);
INSERT INTO aliases VALUES ('bob', 'ann'), ('bob', 'carl@x.test');
CREATE TABLE users (name text, hash text, uid integer, gid integer, home text);
INSERT INTO users VALUES ('bob', '$6$x', 1000, 100, '/home/bob');
CREATE TABLE sources (address inet);
INSERT INTO sources VALUES ('192.0.2.1'), ('192.0.2.2');
CREATE TABLE texts (key text, value text);
INSERT INTO texts VALUES ('bob', 'bob'), ${hostileKeys.map((key) => `(${quoted(key)}, ${quoted(key)})`).join(", ")};
CREATE TABLE networks (net inet);
INSERT INTO networks VALUES ('198.51.100.0/24');
CREATE ROLE mail LOGIN PASSWORD 'hunter2';
GRANT SELECT ON aliases, users, sources, texts, networks TO mail;
`;
const queries = `
query_alias SELECT destination FROM aliases WHERE name = $1 ORDER BY destination;
query_credentials SELECT name, hash FROM users WHERE name = $1;
query_userinfo SELECT uid, gid, home FROM users WHERE name = $1
query_string SELECT value FROM texts WHERE key = $1
query_netaddr SELECT net FROM networks WHERE $1::inet <<= net
query_domain SELECT pg_sleep(30) WHERE $1 = 'slow'
query_mailaddr SELECT nothing FROM nowhere WHERE a = $1
fetch_source SELECT host(address) FROM sources ORDER BY address
`;

let base = "";
let port = 0;
let postgres: RealServer;
let psql: (sql: string) => Promise<string>;

async function makeSite(): Promise<Site> {
  const folder = await openFolder();
  port = freePort();
  const data = `${folder}/data`;
  await run(
    asNobody([`${bin}/initdb`, "-D", data, "-U", "root", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]),
  );
  const { ca, cert, key } = await makeCertificate(folder);
  // The key is root's alone: it is handed over as text.
  await run(asNobody(["/bin/sh", "-c", 'umask 077; cat > "$0/server.key"', data]), await Deno.readTextFile(key));
  await run(asNobody(["/bin/sh", "-c", 'cat > "$0/server.crt"', data]), await Deno.readTextFile(cert));
  const hba = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
  await run(asNobody(["/bin/sh", "-c", `cat > "$0/pg_hba.conf"`, data]), hba);
  const settings = ["listen_addresses=127.0.0.1", "fsync=off", "ssl=on", "max_connections=20", "logging_collector=off"];
  const server = new RealServer(
    asNobody([
      `${bin}/postgres`,
      "-D",
      data,
      "-k",
      folder,
      "-p",
      String(port),
      ...settings.flatMap((one) => ["-c", one]),
    ]),
    /ready to accept connections/,
    folder,
    `${folder}/.s.PGSQL.${port}`,
    "SIGQUIT",
  );
  postgres = server;
  await server.start();
  psql = (sql) =>
    run(["psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-h", folder, "-p", String(port), "-U", "root", "postgres"], sql);
  await psql(schema);
  base = `conninfo host=${folder} port=${port} user=mail dbname=postgres`;
  const tcp = `user=mail password=hunter2 dbname=postgres port=${port}`;
  return {
    server,
    queries,
    ways: {
      socket: base,
      uri: `conninfo postgresql://mail:hunter2@127.0.0.1:${port}/postgres?sslmode=disable`,
      prefer: `conninfo host=127.0.0.1 ${tcp}`,
      require: `conninfo host=127.0.0.1 sslmode=require ${tcp}`,
      authority: `conninfo host=127.0.0.1 sslmode=verify-ca sslrootcert=${ca} ${tcp}`,
      verify: `conninfo host=localhost sslmode=verify-full sslrootcert=${ca} ${tcp}`,
      second: `conninfo host=127.0.0.1,127.0.0.1 user=mail password=hunter2 dbname=postgres port=1,${port}`,
      target: `conninfo host=127.0.0.1 target_session_attrs=prefer-standby ${tcp}`,
    },
  };
}

testServerTable("postgres", { ignore, packages: "postgresql" }, [
  ["alias", "ann, carl@x.test"],
  ["credentials", "bob:$6$x"],
  ["userinfo", "1000:100:/home/bob"],
  ["string", "bob"],
], makeSite);

const options = { ignore };

Deno.test({ name: "postgres: networks are matched by the query", ...options }, async () => {
  const table = await openServerTable("postgres", base + queries);
  equal(await table.check("netaddr", "198.51.100.7"), true);
  equal(await table.check("netaddr", "192.0.2.7"), false);
  await rejects(table.check("netaddr", "local"), isFault("unavailable", /invalid input syntax for type inet/));
  table.close();
});

Deno.test({ name: "postgres: a slow query is a timeout, and the others go on", ...options }, async () => {
  const table = await openServerTable("postgres", `${base}${queries}timeout 1\ncache_size 0`);
  const slow = rejects(table.check("domain", "slow"), isFault("timeout", /no answer from the server within 1 s/));
  equal(await table.check("alias", "bob"), true);
  await slow;
  equal(await table.check("alias", "bob"), true);
  table.close();
});

Deno.test({ name: "postgres: an error of the server is a Fault that says it", ...options }, async () => {
  const table = await openServerTable("postgres", base + queries);
  await rejects(
    table.lookup("mailaddr", "x"),
    isFault("unavailable", /Cannot look up mailaddr in table t: relation "nowhere" does not exist/),
  );
  equal(await table.check("alias", "bob"), true);
  table.close();
});

Deno.test({ name: "postgres: a server that is not let in, or not the one, is a Fault", ...options }, async () => {
  for (
    const [conninfo, text] of [
      [`host=127.0.0.1 port=${port} user=mail password=wrong dbname=postgres`, /password authentication failed/],
      [
        `host=127.0.0.1 port=${port} user=mail password=hunter2 dbname=postgres sslmode=verify-full`,
        /certificate|Unknown/i,
      ],
      [
        `host=127.0.0.1 port=${port} user=mail password=hunter2 dbname=postgres target_session_attrs=standby`,
        /is no server of kind standby/,
      ],
      ["host=127.0.0.1 port=1 user=mail", /ECONNREFUSED/],
      ["host=no.such.name.invalid user=mail", /no\.such\.name\.invalid/],
    ] as const
  ) {
    const table = await openServerTable("postgres", `conninfo ${conninfo}\n${queries}`);
    await rejects(table.check("alias", "bob"), isFault("unavailable", text), conninfo);
    await rejects(table.update(), isFault("unavailable", text), conninfo);
    table.close();
  }
});

const mailSchema = (uid: number, gid: number, home: string) => `
CREATE TABLE domains (domain text);
INSERT INTO domains VALUES ('example.org'), ('example.net');
CREATE TABLE virtuals (email text, destination text);
INSERT INTO virtuals VALUES ('info@example.org', 'bob'), ('info@example.net', 'bob@example.org'), ('bob@example.org', 'bob');
CREATE TABLE accounts (name text, uid bigint, gid bigint, home text);
INSERT INTO accounts VALUES ('bob', ${uid}, ${gid}, ${quoted(home)});
GRANT SELECT ON domains, virtuals, accounts TO mail;
`;

Deno.test({ name: "smtpd delivers by domains, addresses and users in PostgreSQL", ...options }, async () => {
  await using site = await Premises.make((site) => [
    `table mail "postgres:${join(site.dir, "postgres.conf")}"`,
    `listen on 127.0.0.1 port ${site.port}`,
    `action "local" maildir virtual <mail> userbase <mail>`,
    `match from any for domain <mail> action "local"`,
  ]);
  await psql(mailSchema(Deno.uid() ?? 0, Deno.gid() ?? 0, site.home("bob")));
  const settings = [
    `conninfo host=127.0.0.1 port=${port} user=mail password=hunter2 dbname=postgres sslmode=disable`,
    "query_domain SELECT domain FROM domains WHERE domain = $1",
    "query_alias SELECT destination FROM virtuals WHERE email = $1",
    "query_userinfo SELECT uid, gid, home FROM accounts WHERE name = $1",
    "cache_size 0",
  ];
  await Deno.writeTextFile(join(site.dir, "postgres.conf"), settings.join("\n"));
  const daemon = await site.start();
  const client = await Client.open(site.port);
  await client.send("ann@client.test", ["Info@Example.NET"], "Subject: x\r\n\r\nHello\r\n");
  await site.delivered(1);
  await client.command("MAIL FROM:<ann@client.test>", 250);
  await client.command("RCPT TO:<nobody@example.org>", 550);
  await client.command("RCPT TO:<info@elsewhere.test>", 550);
  await postgres.kill();
  await client.command("RCPT TO:<info@example.org>", 451);
  await client.command("RCPT TO:<nobody@example.org>", 451);
  await postgres.start();
  await until("the table is back", async () => (await client.command("RCPT TO:<info@example.org>")).code === 250);
  await client.quit();
  const allowed = (role: string) =>
    daemon.role(role).map(({ argv }) => argv.filter((word) => /^--(allow-net|no-npm)/.test(word)));
  deepEqual(allowed("lookup"), [[`--allow-net=127.0.0.1:${port}`]]);
  deepEqual(allowed("queue"), [["--no-npm"]]);
  deepEqual(allowed("smtp-in")[0], ["--no-npm"]);
  equal(/hunter2/.test(daemon.log), false);
  await daemon.stop();
});
