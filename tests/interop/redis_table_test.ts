/** Tables in Redis, the package of Debian. */

import { equal, rejects } from "node:assert/strict";
import { findProgram } from "../support/programs.ts";
import { hostileKeys, isFault, openServerTable, type Site, testServerTable } from "../support/server_table.ts";
import { freePort, makeCertificate, openFolder, RealServer, run } from "../support/servers.ts";

const program = findProgram("redis-server");
const ignore = program === null;

const queries = `
query_alias LRANGE aliases:%s 0 -1
query_credentials HMGET user:%s name hash
query_userinfo HMGET user:%s uid gid home
query_domain SISMEMBER domains %s
query_mailaddr SISMEMBER user:bob %s
fetch_source SMEMBERS sources
`;
const commands: readonly (readonly string[])[] = [
  ["RPUSH", "aliases:bob", "ann", "carl@x.test"],
  ["HSET", "user:bob", "name", "bob", "hash", "$6$x", "uid", "1000", "gid", "100", "home", "/home/bob"],
  ["HSET", "user:half", "name", "half", "uid", "1000"],
  ["SADD", "domains", "bob", "example.org"],
  ["SADD", "sources", "192.0.2.1", "192.0.2.2"],
  ...["bob", ...hostileKeys].map((key) => ["SET", `string:${key}`, key]),
];
/** A command in the protocol of Redis, as `redis-cli --pipe` takes it. */
const encoded = (words: readonly string[]) =>
  `*${words.length}\r\n${words.map((one) => `$${new TextEncoder().encode(one).length}\r\n${one}\r\n`).join("")}`;

let base = "";
let port = 0;
let tlsPort = 0;

async function makeSite(): Promise<Site> {
  const folder = await openFolder();
  port = freePort();
  tlsPort = freePort();
  const socket = `${folder}/sock`;
  const { ca, cert, key } = await makeCertificate(folder);
  const server = new RealServer(
    [
      ...[program!, "--port", String(port), "--bind", "127.0.0.1", "--unixsocket", socket, "--dir", folder],
      ...["--requirepass", "hunter2", "--appendonly", "yes", "--appendfsync", "no", "--save", ""],
      ...["--tls-port", String(tlsPort), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no"],
      ...["--tls-ca-cert-file", ca],
    ],
    /Ready to accept connections/,
    folder,
    socket,
  );
  await server.start();
  await run(["redis-cli", "-s", socket, "-a", "hunter2", "-n", "3", "--pipe"], commands.map(encoded).join(""));
  const login = "password hunter2\ndatabase 3\n";
  base = `master unix:${socket}\n${login}`;
  return {
    server,
    queries,
    ways: {
      socket: base,
      tcp: `master 127.0.0.1\nmaster_port ${port}\n${login}`,
      name: `master localhost\nmaster_port ${port}\nusername default\n${login}`,
      require: `master 127.0.0.1\nmaster_port ${tlsPort}\ntls require\n${login}`,
      verify: `master localhost\nmaster_port ${tlsPort}\nca ${ca}\n${login}`,
      slave: `master 127.0.0.1\nmaster_port 1\nslave 127.0.0.1\nslave_port ${port}\n${login}`,
    },
  };
}

testServerTable("redis", { ignore, packages: "redis-server" }, [
  ["alias", "ann, carl@x.test"],
  ["credentials", "bob:$6$x"],
  ["userinfo", "1000:100:/home/bob"],
  ["domain", "bob"],
  ["string", "bob"],
], makeSite);

const options = { ignore };

Deno.test({ name: "redis: half an entry and the wrong kind of key are Faults", ...options }, async () => {
  const table = await openServerTable("redis", base + queries);
  await rejects(
    table.lookup("userinfo", "half"),
    isFault("malformed", /query_userinfo gives something else than text/),
  );
  await rejects(table.check("mailaddr", "x"), isFault("unavailable", /Cannot check mailaddr in table t: WRONGTYPE/));
  equal(await table.check("alias", "bob"), true);
  table.close();
});

Deno.test({ name: "redis: a server that is not let in, or not there, is a Fault", ...options }, async () => {
  for (
    const [text, want] of [
      [`master 127.0.0.1\nmaster_port ${port}\npassword wrong\n`, /WRONGPASS|invalid/],
      [`master localhost\nmaster_port ${tlsPort}\npassword hunter2\ntls verify\n`, /certificate|Unknown/i],
      [`master 127.0.0.1\nmaster_port 1\n`, /ECONNREFUSED/],
      ["master no.such.name.invalid\n", /no\.such\.name\.invalid/],
    ] as const
  ) {
    const table = await openServerTable("redis", text + queries);
    await rejects(table.check("alias", "bob"), isFault("unavailable", want), text);
    table.close();
  }
  // It is let in, and may ask nothing.
  const table = await openServerTable("redis", `master 127.0.0.1\nmaster_port ${port}\n${queries}`);
  await rejects(table.check("alias", "bob"), isFault("unavailable", /NOAUTH/));
  table.close();
});
