import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { explainOffline, type OfflinePorts } from "../../cli/smtpd_explain.ts";
import { UsageError } from "../../cli/getopt.ts";
import type { ExplainQuestion } from "../../lib/policy/explain.ts";
import { mailbox, policyOf } from "../policy/tables.ts";
import { Fault } from "../../lib/fault.ts";
import type { Disk } from "../../lib/port.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeDns } from "../sim/dns.ts";
import { FakeDisk } from "../sim/disk.ts";
import { hostClock } from "../../lib/host/clock.ts";
import { inFolder } from "../support/folder.ts";
import { helperScript } from "../support/table_program.ts";
import { PaperPrinter } from "../support/printer.ts";
import { anyAlive } from "../support/processes.ts";
import { until } from "../support/wait.ts";
import { questionOf } from "../support/explain_question.ts";
import { programSpec } from "../../lib/table/spec.ts";

const conf = `table virtuals file:/etc/virtuals
table missing file:/etc/missing
table users { ann = 1001:1001:/home/ann }
table smart { "smtp://a.smart.test:2525" }
table map { "map.test" = "smtp://b.smart.test" }
action "in" maildir virtual <virtuals> userbase <users>
action "out" relay
action "smart" relay host <smart>
action "map" relay domain <map>
match from any for domain "shop.test" action "in"
match from any for domain "gone.test" mail-from <missing> reject
match from rdns "*.partner.test" for domain "smart.test" action "smart"
match from local for domain "map.test" action "map"
match from local for any action "out"
`;

const question = questionOf(mailbox("eve@c.test"), mailbox("info@shop.test"));

async function explain(
  change: Partial<ExplainQuestion>,
  withDns = true,
  ports: Partial<OfflinePorts> = {},
  policy = policyOf(conf),
) {
  const dns = new FakeDns().mx("far.test", "10 mx.far.test").host("mx.far.test", "203.0.113.1")
    .host("a.smart.test", "203.0.113.7").host("b.smart.test", "203.0.113.8");
  const name = { type: "PTR", name: "Mail.partner.test", ttlMs: 60_000 } as const;
  dns.set("7.100.51.198.in-addr.arpa", "PTR", { kind: "records", records: [name], secure: false });
  const disk = new FakeDisk();
  disk.plantDir("/home/ann");
  disk.plant("/etc/virtuals", "info@shop.test ann, bob@far.test\n");
  const printer = new PaperPrinter();
  const all = {
    disk,
    clock: new FakeClock(),
    uid: 0,
    dns: withDns ? dns : null,
    selfAddresses: new Set<string>(),
    ...ports,
  };
  const status = await explainOffline(policy, { ...question, ...change }, all, printer, true);
  const { recipient, answer } = JSON.parse(printer.text);
  return { status, answer, recipient, errors: printer.errors };
}

Deno.test("explainOffline() opens the tables that are asked, and finds the way as delivery does", async () => {
  const { status, answer, recipient } = await explain({ address: "198.51.100.7" });
  equal(status, 0);
  equal(recipient.text, "info@shop.test");
  const routes = answer.envelopes.map((one: { kind: string; route: unknown }) => one.route);
  const hosts = [{ name: "mx.far.test", preference: 10, addresses: ["203.0.113.1"] }];
  deepEqual(routes.filter((one: unknown) => one !== null), [{ kind: "hosts", via: "MX of far.test", port: 25, hosts }]);
});

Deno.test("explainOffline() looks nothing up in the DNS unless it is told to", async () => {
  const { answer } = await explain({ rcpt: mailbox("x@far.test") }, false);
  deepEqual(answer.envelopes[0].route, { kind: "unasked", via: "MX of far.test" });
  const named = await explain({ rcpt: mailbox("x@smart.test"), address: "198.51.100.7" }, false);
  equal(named.status, 2);
});

Deno.test("explainOffline() knows the client's name, and smart hosts of lists and maps", async () => {
  for (
    const [rcpt, address, want] of [
      ["x@smart.test", "198.51.100.7", "smart host a.smart.test:2525"],
      ["x@map.test", null, "smart host b.smart.test:25"],
    ] as const
  ) {
    const { answer, status } = await explain({ rcpt: mailbox(rcpt), address });
    equal(status, 0, rcpt);
    equal(answer.envelopes[0].route.via, want);
  }
});

Deno.test("explainOffline() asks SPF where the sender depends on it, with --dns", async () => {
  const policy = policyOf(conf.replace('action "out" relay', 'srs key k\naction "out" relay srs when-spf-fails'));
  const selfAddresses = new Set(["127.0.0.1", "192.0.2.7"]);
  for (const withDns of [true, false]) {
    const { answer } = await explain({ address: "198.51.100.7" }, withDns, { selfAddresses }, policy);
    const found = answer.envelopes.find((one: { kind: string }) => one.kind === "mta");
    deepEqual(found.sender, mailbox("eve@c.test"));
    match(found.senderIfSpfFails.localPart, /^SRS0=....=..=c\.test=eve$/);
    deepEqual(found.spf, withDns ? [{ address: "192.0.2.7", result: "none" }] : []);
  }
});

Deno.test("explainOffline() tells of a table that cannot be read where it matters", async () => {
  const { status, answer } = await explain({ rcpt: mailbox("x@gone.test") });
  equal(status, 2);
  match(answer.reply, /^451 /);
  match(answer.reason, /missing/);
});

Deno.test("explainOffline() says whose .forward the caller may not read, and goes on without it", async () => {
  const disk = new FakeDisk();
  disk.plantDir("/home/ann");
  disk.plant("/etc/virtuals", "info@shop.test ann, bob@far.test\n");
  disk.plant("/home/ann/.forward", "carl@far.test\n");
  const denied: Disk = {
    open: (path, how) =>
      path.endsWith("/.forward")
        ? Promise.reject(new Fault("denied", `Cannot open ${path}: permission denied`))
        : disk.open(path, how),
    readFile: (path) => disk.readFile(path),
    stat: (path) => disk.stat(path),
    makeDir: (path, options) => disk.makeDir(path, options),
    rename: (from, to) => disk.rename(from, to),
    openAppend: (path, options) => disk.openAppend(path, options),
    remove: (path) => disk.remove(path),
    syncDir: (path) => disk.syncDir(path),
  };
  const { errors, answer, status } = await explain({ address: "198.51.100.7" }, false, { uid: 1002, disk: denied });
  equal(errors, "smtpd: You may not read the .forward of ann: explained as if there were none\n");
  equal(status, 0);
  deepEqual(answer.envelopes.map((one: { kind: string }) => one.kind).sort(), ["mda", "mta"]);
});

Deno.test("explainOffline() refuses a listener that there is not", async () => {
  await rejects(explain({ address: "192.0.2.1", listener: "smtps" }), (error) => {
    ok(error instanceof UsageError);
    return error.message === "there is no such listener; there are socket";
  });
});

Deno.test("explainOffline() asks a helper, and ends it", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/helper`, helperScript, { mode: 0o755 });
    const spec = programSpec("virtuals", `${folder}/helper`, "ann");
    const policy = policyOf(conf);
    const helped = { ...policy, tables: { ...policy.tables, virtuals: spec } };
    const { answer, status } = await explain({ rcpt: mailbox("root@shop.test"), address: "198.51.100.7" }, false, {
      clock: hostClock,
    }, helped);
    equal(status, 0);
    deepEqual(answer.envelopes.map((one: { local: { user: string } }) => one.local.user), ["ann"]);
    const pid = Number(await Deno.readTextFile(`${folder}/helper.pid`));
    await until("the helper has ended", () => !anyAlive([pid]));
  });
});
