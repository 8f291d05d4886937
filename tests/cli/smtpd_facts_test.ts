import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "@std/path";
import { contentsOf, gatherFacts, readTableTexts } from "../../cli/smtpd_facts.ts";
import { loadConfiguration } from "../../cli/smtpd_config.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import { inFolder } from "../support/folder.ts";

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
        `ca a.test cert "${folder}/chain.pem"\nmatch for local reject\n`,
    );
    const facts = await gatherFacts(policy, "none");
    const a = facts.pki.get("a.test");
    deepEqual(a?.cert, { kind: "found", mode: 0o640, uid: Deno.uid() });
    ok(a?.certificate?.kind === "read" && a.certificate.notBefore < facts.now && a.certificate.notAfter > facts.now);
    deepEqual(a.privateKey, { kind: "read", fits: true });
    deepEqual(facts.pki.get("b.test")?.privateKey, { kind: "read", fits: false });
    deepEqual(facts.pki.get("c.test")?.certificate, { kind: "malformed" });
    deepEqual(facts.pki.get("c.test")?.privateKey, { kind: "malformed" });
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
    const { tables } = await gatherFacts(policy, "all");
    deepEqual([...tables].map(([name, { fault }]) => [name, fault]).sort(), [
      ["bad", "malformed"],
      ["map", "malformed"],
      ["none", "notFound"],
    ]);
    deepEqual((await gatherFacts(policy, "none")).tables, new Map());
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
