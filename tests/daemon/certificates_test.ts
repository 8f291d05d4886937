import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { certificateLookMs, Certificates, expiryTellMs, type PemInspector } from "../../lib/daemon/certificates.ts";
import type { TlsMaterial } from "../../lib/daemon/listener_tls.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeDisk } from "../sim/disk.ts";
import { KeptLog, policyOf } from "./rig.ts";

/** PEM of this world: `cert NAME`, `key NAME`; they fit when the names do. */
const inspector = (clock: FakeClock, days: { left: number }): PemInspector => ({
  certificates: (text) =>
    text.startsWith("cert ") ? { notBefore: 0, notAfter: clock.now() + days.left * 86_400_000, count: 1 } : null,
  key: (text, chain) =>
    text.startsWith("key ")
      ? { kind: "read", fits: chain?.slice(5) === text.slice(4) }
      : { kind: "malformed", isCertificate: false },
  problem: (chain) => chain.includes("odd") ? "the TLS library cannot use it (odd)" : null,
});

async function world() {
  const clock = new FakeClock();
  const disk = new FakeDisk();
  const log = new KeptLog();
  const days = { left: 90 };
  const renewed: TlsMaterial[] = [];
  const certificates = new Certificates({
    disk,
    clock,
    log: log.log,
    uid: 0,
    inspector: () => Promise.resolve(inspector(clock, days)),
    renewed: (_policy, material) => void renewed.push(material),
  });
  const write = async (path: string, text: string, mode = 0o600) => {
    const file = await disk.open(`${path}.new`, { write: true, create: true, mode });
    await file.write(new TextEncoder().encode(text));
    await file.sync();
    file.close();
    await disk.rename(`${path}.new`, path);
  };
  await write("/a.crt", "cert one");
  await write("/a.key", "key one");
  await write("/c.crt", "cert ca");
  const pass = async (ms: number) => {
    await clock.advance(ms);
    await clock.settle();
  };
  return { clock, disk, log, days, renewed, certificates, write, pass };
}

const text = (more = "") =>
  `pki a cert "/a.crt" key "/a.key"
ca c cert "/c.crt"
listen on 192.0.2.1 port 465 smtps verify pki a ca c
action "x" relay
match for any action "x"
${more}`;
const policy: Policy = policyOf(text());
const first: TlsMaterial = { pki: { a: { chain: "cert one", key: "key one" } }, ca: { c: "cert ca" } };

Deno.test("Certificates reads what listeners use", async () => {
  const { certificates } = await world();
  deepEqual(certificates.materialOf(policy), { pki: {}, ca: {} });
  await certificates.load(policy);
  deepEqual(certificates.materialOf(policy), first);
  certificates.stop();
  deepEqual(certificates.materialOf(policy), { pki: {}, ca: {} });
});

for (const path of ["/a.crt", "/a.key", "/c.crt"]) {
  Deno.test(`Certificates refuses to begin when it may not read ${path}`, async () => {
    const { certificates, disk } = await world();
    disk.faults = (one) => (one.op === "open" && one.path === path ? "denied" : null);
    await rejects(certificates.load(policy), ({ message }: Error) => message.endsWith(`${path}: permission denied`));
  });
}

const broken: readonly (readonly [string, string, string, number, RegExp])[] = [
  ["a key of somebody else", "/a.key", "key two", 0o600, /^the key \/a\.key does not belong to the certificate/],
  ["no key", "/a.key", "nonsense", 0o600, /^\/a\.key is no private key in PEM form/],
  ["a key for all to read", "/a.key", "key one", 0o644, /^the key \/a\.key can be read by others/],
  ["no certificate", "/a.crt", "nonsense", 0o600, /^\/a\.crt is no certificate in PEM form/],
  ["no authority", "/c.crt", "nonsense", 0o600, /^\/c\.crt is no certificate in PEM form/],
];
for (const [name, path, content, mode, want] of broken) {
  Deno.test(`Certificates refuses to begin with ${name}`, async () => {
    const { certificates, write } = await world();
    await write(path, content, mode);
    await rejects(certificates.load(policy), ({ message }: Error) => want.test(message));
  });

  Deno.test(`Certificates keeps what it has when a file changes to ${name}, says so once, and takes the next`, async () => {
    const { certificates, write, pass, log, renewed } = await world();
    await certificates.load(policy);
    certificates.keep(policy);
    await write(path, content, mode);
    for (let n = 0; n < 4; n++) await pass(certificateLookMs);
    deepEqual(certificates.materialOf(policy), first);
    equal(renewed.length, 0);
    const told = log.of("certificate-refused");
    equal(told.length, 1);
    match(String(told[0]?.fields["reason"]), want);
    await write("/a.crt", "cert three");
    await write("/a.key", "key three");
    await write("/c.crt", "cert other");
    for (let n = 0; n < 3; n++) await pass(certificateLookMs);
    const next = { pki: { a: { chain: "cert three", key: "key three" } }, ca: { c: "cert other" } };
    deepEqual(renewed.at(-1), next);
    deepEqual(certificates.materialOf(policy), next);
    equal(JSON.stringify(log.of("certificate-renewed")).includes("key three"), false);
    certificates.stop();
  });
}

Deno.test("Certificates tells what the TLS library has against a pair", async () => {
  const { certificates, write } = await world();
  await write("/a.crt", "cert odd");
  await write("/a.key", "key odd");
  await rejects(certificates.load(policy), /cannot use \/a\.crt with \/a\.key: the TLS library cannot use it \(odd\)/);
});

Deno.test("Certificates tells of a file that is not there", async () => {
  const { certificates, disk } = await world();
  await disk.remove("/a.crt");
  await rejects(certificates.load(policy), /cannot read the certificate \/a\.crt: no such file/);
});

Deno.test("Certificates forgets a configuration that does not come into force, and the one that is followed", async () => {
  const { certificates } = await world();
  const [next, last] = [policyOf(text("smtp limit max-rcpt 7")), policyOf(text("smtp limit max-rcpt 8"))];
  await certificates.load(policy);
  certificates.keep(policy);
  await certificates.load(next);
  certificates.discard();
  deepEqual([certificates.materialOf(policy), certificates.materialOf(next)], [first, { pki: {}, ca: {} }]);
  await certificates.load(last);
  certificates.keep(last);
  deepEqual([certificates.materialOf(policy), certificates.materialOf(last)], [{ pki: {}, ca: {} }, first]);
  certificates.stop();
});

Deno.test("Certificates warns once a day of one that ends soon", async () => {
  const { certificates, clock, days, pass, log } = await world();
  days.left = 15;
  await certificates.load(policy);
  certificates.keep(policy);
  await pass(certificateLookMs);
  equal(log.of("certificate-ends").length, 0);
  for (let n = 0; n < 2; n++) {
    clock.jump(expiryTellMs);
    await pass(2 * certificateLookMs);
  }
  const told = log.of("certificate-ends");
  equal(told.length, 2);
  match(String(told[0]?.fields["reason"]), /^the certificate \/a\.crt expires in 1[34] days/);
  certificates.stop();
});
