import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "@std/path";
import { contentsOf, gatherFacts, readTableTexts } from "../../cli/smtpd_facts.ts";
import { loadConfiguration } from "../../cli/smtpd_config.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import { inFolder } from "../support/folder.ts";
import { helperScript } from "../support/table_program.ts";
import { anyAlive } from "../support/processes.ts";
import { until } from "../support/wait.ts";

/** Made for these tests, P-256, valid for 100 years. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBjzCCATWgAwIBAgIUDD/Te6YHam4T3UWboam1m78J0vwwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHbXgudGVzdDAgFw0yNjExMjcwMzU4NDJaGA8yMTI2MTEwMzAz
NTg0MlowEjEQMA4GA1UEAwwHbXgudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABKcKJfpMT+UFqeWRAjPNH+iZJUVlxwHTmjr7YSQL3oMWrX+mzaTfXUi7XmDl
2VP+/Wzst5vFYuchs8qzcd9U72SjZzBlMB0GA1UdDgQWBBRkgHq+RvHlPCLSB/uK
C6fKeG+74TAfBgNVHSMEGDAWgBRkgHq+RvHlPCLSB/uKC6fKeG+74TAPBgNVHRMB
Af8EBTADAQH/MBIGA1UdEQQLMAmCB214LnRlc3QwCgYIKoZIzj0EAwIDSAAwRQIg
ZRhKqVGccOJpmRquJqhjrJKuiOkTJY2671DoxdECvjoCIQCKrz3RhM+dzTBON4yo
T/dr/PJUgbe6au+G/ZsAmvFNPA==
-----END CERTIFICATE-----
`;
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgk8L8RQ6UWApedVMQ
nhg3TlFFoswY5aN1giigUxrGxNKhRANCAASnCiX6TE/lBanlkQIzzR/omSVFZccB
05o6+2EkC96DFq1/ps2k311Iu15g5dlT/v1s7LebxWLnIbPKs3HfVO9k
-----END PRIVATE KEY-----
`;
const otherKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgqWTW7M48K7blR6Vu
MyOwd6sO7+Lx6wmIIwgMD364WsChRANCAAROEq3/IGh2W+peeWTG53XM4VdbUaLc
MvZDHrjIc8lo/LYGJTSw6AluhqaDNUvY9eaarOR5Gt6k8MMCCE8zqDk6
-----END PRIVATE KEY-----
`;

async function policyIn(folder: string, text: string): Promise<Policy> {
  const path = join(folder, "smtpd.conf");
  await Deno.writeTextFile(path, text);
  const loaded = await loadConfiguration(path, new Map());
  ok(loaded.kind === "ok", JSON.stringify(loaded));
  return loaded.policy;
}

Deno.test("gatherFacts() reads certificates and keys, and compares them", async () => {
  await inFolder(async (folder) => {
    const files: Readonly<Record<string, string>> = {
      "c.pem": certificate,
      "k.pem": key,
      "other.pem": otherKey,
      "chain.pem": certificate + certificate,
      "junk.pem": "junk\n",
      "locked.pem": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
    };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(folder, name), text);
      await Deno.chmod(join(folder, name), 0o640);
    }
    const pki = (name: string, cert: string, pem: string) =>
      `pki ${name} cert "${folder}/${cert}"\npki ${name} key "${folder}/${pem}"\n`;
    const policy = await policyIn(
      folder,
      pki("a.test", "c.pem", "k.pem") + pki("b.test", "c.pem", "other.pem") + pki("c.test", "junk.pem", "junk.pem") +
        pki("d.test", "none.pem", "locked.pem") +
        pki("e.test", "k.pem", "c.pem") + `pki f.test cert "${folder}" key "${folder}"\n` +
        `ca a.test cert "${folder}/chain.pem"\nmatch for local reject\n`,
    );
    const facts = await gatherFacts(policy, { tables: "none", sameUser: false });
    const a = facts.pki.get("a.test");
    deepEqual(a?.cert, { kind: "found", mode: 0o640, uid: Deno.uid() });
    ok(a?.certificate?.kind === "read" && a.certificate.notBefore < facts.now && a.certificate.notAfter > facts.now);
    deepEqual(a.privateKey, { kind: "read", fits: true });
    deepEqual(facts.pki.get("b.test")?.privateKey, { kind: "read", fits: false });
    deepEqual(facts.pki.get("c.test")?.certificate, { kind: "malformed", isKey: false });
    deepEqual(facts.pki.get("c.test")?.privateKey, { kind: "malformed", isCertificate: false });
    deepEqual(facts.pki.get("e.test")?.certificate, { kind: "malformed", isKey: true });
    deepEqual(facts.pki.get("e.test")?.privateKey, { kind: "malformed", isCertificate: true });
    deepEqual(facts.pki.get("f.test"), {
      cert: { kind: "directory" },
      certificate: null,
      key: { kind: "directory" },
      privateKey: null,
    });
    deepEqual(facts.pki.get("d.test")?.cert, { kind: "failed", fault: "notFound" });
    deepEqual(facts.pki.get("d.test")?.privateKey, { kind: "encrypted" });
    const authority = facts.ca.get("a.test")?.certificate;
    equal(authority?.kind === "read" && authority.count, 2);
  });
});

Deno.test("gatherFacts() opens all tables when asked to", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "fine"), "a: b\n");
    await Deno.writeTextFile(join(folder, "bad"), "a: b\nc\n");
    const policy = await policyIn(
      folder,
      `table fine file:${folder}/fine\ntable bad file:${folder}/bad\ntable none file:${folder}/none\n` +
        `table map db:${folder}/bad\nmatch for local reject\n`,
    );
    const { tables } = await gatherFacts(policy, { tables: "all", sameUser: false });
    deepEqual([...tables].map(([name, { fault }]) => [name, fault]).sort(), [
      ["bad", "malformed"],
      ["map", "malformed"],
      ["none", "notFound"],
    ]);
    deepEqual((await gatherFacts(policy, { tables: "none", sameUser: false })).tables, new Map());
  });
});

Deno.test("gatherFacts() asks helpers and servers whether they are there, and looks into databases", async () => {
  await inFolder(async (folder) => {
    const write = (name: string, text: string, mode = 0o644) => Deno.writeTextFile(join(folder, name), text, { mode });
    await write("dead", "#!/bin/sh\nexit 3\n", 0o755);
    await write("well", helperScript, 0o755);
    await write("none.conf", `dbpath ${folder}/none.db\nquery_alias SELECT ?\n`);
    await write("no.db", "no database, and longer than the header of one is, which takes one hundred octets".repeat(9));
    await write("no.conf", `dbpath ${folder}/no.db\nquery_alias SELECT ?\n`);
    // Nobody listens on a port that is just given back.
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await write(
      "pg.conf",
      `conninfo host=127.0.0.1 port=${listener.addr.port} user=u dbname=d\nquery_alias SELECT $1\n`,
    );
    listener.close();
    const policy = await policyIn(
      folder,
      `table dead "proc:${folder}/dead"\ntable well "proc:${folder}/well"\ntable none sqlite:${folder}/none.conf\n` +
        `table no sqlite:${folder}/no.conf\ntable pg postgres:${folder}/pg.conf\nmatch for local reject\n`,
    );
    const { tables } = await gatherFacts(policy, { tables: "all", sameUser: false });
    deepEqual([...tables].map(([name, { fault }]) => [name, fault]).sort(), [
      ["dead", "unavailable"],
      ["no", "malformed"],
      ["none", "notFound"],
      ["pg", "unavailable"],
    ]);
    match(tables.get("dead")?.message ?? "", /^Cannot use table dead: it ended with code 3 before it was ready/);
    match(tables.get("pg")?.message ?? "", /^Cannot use table pg: .*ECONNREFUSED/);
  });
});

Deno.test("gatherFacts() finds tables that their reader cannot reach, and the modes of settings", async () => {
  await inFolder(async (folder) => {
    const write = (name: string, text: string, mode: number) => Deno.writeTextFile(join(folder, name), text, { mode });
    for (const one of [folder, join(folder, "open")]) {
      await Deno.mkdir(one, { recursive: true });
      await Deno.chmod(one, 0o755);
    }
    await Deno.mkdir(join(folder, "shut"), { mode: 0o700 });
    await write("open/free", "a.test\n", 0o644);
    await write("open/own", "a.test\n", 0o600);
    await write("shut/t", "a.test\n", 0o644);
    await write("lite.conf", `dbpath ${folder}/shut/t\nquery_alias SELECT ?\n`, 0o640);
    const policy = await policyIn(
      folder,
      `table free file:${folder}/open/free\ntable own file:${folder}/open/own\ntable shut file:${folder}/shut/t\n` +
        `table lite sqlite:${folder}/lite.conf\nmatch for local reject\n`,
    );
    // Nobody has this uid.
    const reader = { name: "_smtpd", uid: 54_321, gid: 54_321 };
    const { unreachable, settings } = await gatherFacts(policy, { tables: "all", sameUser: false, reader });
    const shut = { account: "_smtpd", barrier: `${folder}/shut` };
    deepEqual(
      unreachable,
      new Map([["own", { ...shut, barrier: `${folder}/open/own` }], ["shut", shut], ["lite", shut]]),
    );
    deepEqual(settings, new Map([["lite", { kind: "found", mode: 0o640, uid: Deno.uid() }]]));
    const ours = await gatherFacts(policy, { tables: "all", sameUser: false });
    deepEqual(ours.unreachable, new Map(), "the caller's account reads them");
  });
});

Deno.test("gatherFacts() waits for a helper that hangs no longer than it says, and ends it", async () => {
  await inFolder(async (folder) => {
    // It says who it is before it hangs, and hears of no end.
    const script = `#!/bin/sh\necho $$ > ${folder}/pid.new\nmv ${folder}/pid.new ${folder}/pid\nexec sleep 1000\n`;
    await Deno.writeTextFile(join(folder, "hang"), script, { mode: 0o755 });
    const policy = await policyIn(folder, `table t "proc:${folder}/hang"\nmatch for local reject\n`);
    // Slow machines start a shell in more than a moment, and none in no time at all.
    const { tables } = await gatherFacts(policy, { tables: "all", sameUser: false }, 1000);
    deepEqual(tables.get("t"), { fault: "timeout", message: "Cannot open table t: no answer in 1 s" });
    const pid = Number(await Deno.readTextFile(join(folder, "pid")).catch(() => "0"));
    if (pid > 0) await until("the helper has ended", () => !anyAlive([pid]));
  });
});

Deno.test("readTableTexts() and contentsOf() give the entries of files that can be read", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "fine"), "a: b\n");
    await Deno.writeTextFile(join(folder, "bad"), "a: b\nc\n");
    const policy = await policyIn(
      folder,
      `table fine file:${folder}/fine\ntable bad file:${folder}/bad\ntable none file:${folder}/none\n` +
        "match for local reject\n",
    );
    const texts = readTableTexts(policy);
    deepEqual(texts.map(({ name }) => name), ["fine", "bad"]);
    deepEqual(contentsOf(texts), new Map([["fine", [["a", "b"]]]]));
  });
});

Deno.test("gatherFacts() knows which accounts do not exist, and which includes cannot be read", async () => {
  await inFolder(async (folder) => {
    const policy = await policyIn(
      folder,
      `table al { all = ":include:${folder}/list" }\naction "a" maildir user nosuchuser alias <al>\n` +
        `action "b" maildir user root\nmatch for local action "a"\nmatch for any action "b"\n`,
    );
    const facts = await gatherFacts(policy, { tables: "none", sameUser: false });
    deepEqual([[...facts.unknownUsers], [...facts.includes]], [["nosuchuser"], [[`${folder}/list`, "notFound"]]]);
    const same = await gatherFacts(policy, { tables: "none", sameUser: true });
    deepEqual([...same.unknownUsers], []);
  });
});
