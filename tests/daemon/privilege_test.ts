/** The table of rights: rows of a configuration, and their flags. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { checkGrant } from "../../lib/daemon/grant_check.ts";
import { denoFlags, unnameablePaths } from "../../lib/daemon/grant_flags.ts";
import { type Account, agentGrant, standingGrants, tableHostGrants } from "../../lib/daemon/privilege.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import { usesSystemUsers } from "../../lib/policy/uses.ts";
import type { TableSpec } from "../../lib/table/table.ts";
import { policyOf, policyText } from "./rig.ts";
import type { AgentWork } from "../../lib/daemon/agent_work.ts";
import { databaseRow, premises, processWith, rowOf, servers, smtpd, smtpq } from "./privilege_rig.ts";
import { maildirWork } from "../support/agent_work.ts";
import { programSpec } from "../../lib/table/spec.ts";

Deno.test("smtp-in holds nothing at all", () => {
  const { read, write, net, run, sys, npm, account } = rowOf("smtp-in");
  deepEqual({ read, write, net, run, sys, npm }, {
    read: [],
    write: [],
    net: { kind: "none" },
    run: [],
    sys: [],
    npm: false,
  });
  deepEqual(account, smtpd);
  deepEqual(denoFlags(rowOf("smtp-in")).filter((flag) => flag.startsWith("--allow")), []);
});

Deno.test("delivery connects to nobody when nothing is relayed", () => {
  const row = rowOf("delivery", 'action "a" maildir\nmatch for local action "a"\n');
  deepEqual(row.net, { kind: "none" });
  equal(denoFlags(row).some((flag) => flag.startsWith("--allow-net")), false);
});

Deno.test("queue holds its directory, under an account of its own", () => {
  const { read, write, net, account } = rowOf("queue");
  deepEqual({ read, write, net, account }, {
    read: ["/var/spool/postern"],
    write: ["/var/spool/postern"],
    net: { kind: "none" },
    account: smtpq,
  });
});

Deno.test("lookup reads the files of tables and includes, and writes nothing", () => {
  const text = `
table aliases file:/etc/mail/aliases
table domains db:/etc/mail/domains.db
table again file:/etc/mail/aliases
table users { ann = 1001:1001:/home/ann }
action "box" maildir userbase <users> alias <aliases>
match from any for domain <domains> action "box"
match from any for domain <again> action "box"
`;
  const row = rowOf("lookup", text, { includes: ["/etc/mail/list"] });
  deepEqual([row.read, row.write, row.net], [["/etc/mail/aliases", "/etc/mail/domains.db", "/etc/mail/list"], [], {
    kind: "none",
  }]);
});

Deno.test("lookup reaches the servers of its tables, their sockets and certificates, and loads packages for them", () => {
  const sockets = ["/run/mysqld/mysqld.sock", "/run/redis.sock"];
  deepEqual([servers.net, servers.read, servers.write, servers.npm], [
    {
      kind: "servers",
      hosts: ["192.0.2.7:6379", "[::1]:5432", "db.example.org:5432", "ldap.example.org:636"],
      paths: sockets,
    },
    ["/etc/ssl/db.pem", ...sockets],
    sockets,
    true,
  ]);
  const flags = denoFlags(servers).filter((flag) => /^--(allow-net|no-npm)/.test(flag));
  const hosts = "192.0.2.7:6379,[::1]:5432,db.example.org:5432,ldap.example.org:636";
  deepEqual(flags, [`--allow-net=${hosts},${sockets.map((path) => `unix:${path}`)}`]);
  const { net, npm, read } = databaseRow(["sqlite", ["dbpath", "/var/mail.db"]]);
  deepEqual([net, npm, read], [{ kind: "none" }, false, ["/var/mail.db"]]);
});

Deno.test("lookup reads /etc/passwd only for actions that look system users up", () => {
  for (
    const [text, want] of [
      ['action "out" relay\nmatch from any for any action "out"\n', false],
      [policyText, false],
      ['action "box" maildir\nmatch from any for any action "box"\n', true],
      [
        'table users { ann = 1:1:/a }\naction "box" maildir userbase <users> user "vmail"\nmatch for any action "box"\n',
        true,
      ],
      ['table people getpwnam\naction "box" maildir userbase <people>\nmatch for any action "box"\n', true],
    ] as const
  ) {
    equal(usesSystemUsers(policyOf(text)), want, text);
    deepEqual(rowOf("lookup", text).read, want ? ["/etc/passwd"] : [], text);
  }
});

Deno.test("lookup reaches the resolvers where peers from elsewhere can connect, or somebody asks for names", () => {
  const resolvers = ["192.0.2.53"];
  for (
    const [lines, want] of [
      ["listen on 127.0.0.1", false],
      ["listen on 127.0.0.1 proxy-v2", true],
      ["listen on 192.0.2.10", true],
      ["filter f phase connect match !fcrdns junk\nlisten on 127.0.0.1 filter f", true],
      ["filter f phase connect match src 192.0.2.1 junk\nlisten on 127.0.0.1 filter f", false],
    ] as const
  ) {
    const { net, npm } = rowOf("lookup", `${lines}\nmatch from any for any reject\n`, { resolvers });
    deepEqual([net.kind, npm], want ? ["servers", true] : ["none", false], lines);
  }
});

Deno.test("lookup reaches the resolvers for rules that ask for names of peers", () => {
  const resolvers = ["192.0.2.53", "2001:db8::53", "127.0.0.53", "::1"];
  deepEqual(rowOf("lookup", "match from any for any reject\n", { resolvers }).net, { kind: "none" });
  const row = rowOf("lookup", "match from rdns for any reject\n", { resolvers });
  const hosts = [
    ...["192.0.2.53:53", "0.0.0.0:0", "[2001:db8::53]:53", "[::]:0"],
    ...["127.0.0.53:53", "127.0.0.53:0", "[::1]:53", "[::1]:0"],
  ].sort();
  deepEqual([row.net, row.npm], [{ kind: "servers", hosts, paths: [] }, true]);
  ok(denoFlags(row).includes(`--allow-net=${hosts.join(",")}`));
  const held = processWith(denoFlags(row));
  deepEqual(checkGrant(row, held), []);
  deepEqual([held({ name: "net", host: "192.0.2.53:25" }), held({ name: "net", host: "192.0.2.1:53" })], [
    false,
    false,
  ]);
});

Deno.test("without accounts every role keeps the caller's", () => {
  deepEqual(
    standingGrants(policyOf(), { ...premises, accounts: null }).map(({ role, account }) => [role, account]),
    [["queue", null], ["lookup", null], ["delivery", null], ["smtp-in", null]],
  );
});

Deno.test("an agent holds what its work needs: one file and its lock, the shell, or a home to look at", () => {
  const base = maildirWork("/m");
  const rightsOf = (work: AgentWork) => {
    const { read, write, run, net } = agentGrant(null, work);
    return { read, write, run, net: net.kind };
  };
  const file = { ...base, target: { kind: "file", path: "/var/mail/ann", dotLock: true } } as const;
  const both = ["/var/mail/ann", "/var/mail/ann.lock"];
  deepEqual(rightsOf(file), { read: both, write: both, run: [], net: "none" });
  const log = { ...base, target: { kind: "file", path: "/log", dotLock: false } } as const;
  deepEqual(rightsOf(log), { read: ["/log"], write: ["/log"], run: [], net: "none" });
  const command = { ...base, target: { kind: "command", template: "x" } } as const;
  deepEqual(rightsOf(command), { read: [], write: [], run: ["/bin/sh"], net: "none" });
  deepEqual(rightsOf({ ...base, wrapper: "w" }), { read: ["/m"], write: ["/m"], run: ["/bin/sh"], net: "none" });
  const to = { kind: "host", name: "store.test", port: 24 } as const;
  const store = agentGrant(null, { ...base, target: { kind: "lmtp", to, rcptTo: true }, wrapper: "w" });
  deepEqual([store.net, store.run], [{ kind: "servers", hosts: ["store.test:24"], paths: [] }, ["/bin/sh"]]);
  deepEqual(checkGrant(store, processWith(denoFlags(store))), []);
  const user = { name: "ann", uid: 1, gid: 1, home: "/home/ann" };
  deepEqual(rightsOf({ kind: "forward", user, uid: 1 }), { read: ["/home/ann"], write: [], run: [], net: "none" });
});

Deno.test("an agent holds one directory, as its account", () => {
  const ann: Account = { name: "ann", uid: 1001, gid: 1001 };
  const row = agentGrant(ann, maildirWork("/home/ann/Maildir"));
  deepEqual([row.account, row.read, row.write, row.net, row.run, row.npm], [
    ann,
    ["/home/ann/Maildir"],
    ["/home/ann/Maildir"],
    { kind: "none" },
    [],
    false,
  ]);
});

/** The policy of the example with these tables besides. */
function withTables(...tables: readonly TableSpec[]): Policy {
  const policy = policyOf();
  return { ...policy, tables: { ...policy.tables, ...Object.fromEntries(tables.map((one) => [one.name, one])) } };
}

Deno.test("lookup reads the files of each kind of table, and loads packages only for tables it has to ask for", () => {
  const rowFor = (...tables: readonly TableSpec[]) =>
    standingGrants(withTables(...tables), premises).find((one) => one.role === "lookup");
  const settings = [["dbpath", "/var/db/mail.db"], ["query_alias", "A"]] as const;
  const row = rowFor(
    { kind: "passwd", name: "p", path: "/etc/mail/passwd" },
    { kind: "sqlite", name: "s", path: "/etc/mail/sqlite.conf", settings },
    { kind: "sqlite", name: "m", path: "/etc/mail/map.sqlite", settings: [] },
  );
  deepEqual(row?.read, ["/etc/mail/map.sqlite", "/etc/mail/passwd", "/var/db/mail.db"]);
  equal(row?.npm, false);
  equal(rowFor(programSpec("h", "/bin/h", null))?.npm, true);
});

Deno.test("a table behind a helper has a host that may run just that helper; lookup may not", () => {
  const policy = withTables(programSpec("h", "/usr/libexec/table-h", "/etc/h"));
  const [row, ...others] = tableHostGrants(policy, premises);
  ok(row);
  equal(others.length, 0);
  equal(row.spec.name, "h");
  deepEqual(row.grant.account, smtpd);
  deepEqual(denoFlags(row.grant).filter((flag) => flag.startsWith("--allow")), ["--allow-run=/usr/libexec/table-h"]);
  deepEqual(checkGrant(row.grant, processWith(denoFlags(row.grant))), []);
  deepEqual(standingGrants(policy, premises).flatMap(({ run }) => run), []);
  deepEqual(tableHostGrants(policyOf(), premises), []);
  // A host goes on when its answers alone are remembered for longer.
  const longer = withTables({
    ...programSpec("h", "/usr/libexec/table-h", "/etc/h"),
    cacheTtlMs: 1,
    cacheNegativeTtlMs: 0,
  });
  deepEqual(tableHostGrants(longer, premises), [row]);
  const comma = withTables(programSpec("h", "/opt/a,b", null));
  deepEqual(tableHostGrants(comma, premises).flatMap(({ grant }) => unnameablePaths(grant)), ["/opt/a,b"]);
});
