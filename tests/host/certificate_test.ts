import { deepEqual, equal } from "node:assert/strict";
import { inspectCertificates, inspectKey, isForHost } from "../../lib/host/certificate.ts";
import { Certificates, openssl } from "../support/certificates.ts";

const ignore = openssl === null;

Deno.test({
  name: "inspectCertificates() tells names, kind and span of the first certificate of a file",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const mx = await made.issue("mx", { names: ["MX.example.org", "*.mail.example.org"], days: 3 });
    const rsa = await made.issue("rsa.example.org", { kind: "rsa" });
    const file = inspectCertificates(mx.chain + rsa.chain);
    deepEqual(file?.names, ["mx.example.org", "*.mail.example.org"]);
    deepEqual([file?.isElliptic, file?.count], [true, 2]);
    equal((file?.notAfter ?? 0) - (file?.notBefore ?? 0), 3 * 86_400_000);
    const other = inspectCertificates(rsa.chain);
    deepEqual([other?.names, other?.isElliptic], [["rsa.example.org"], false], "the common name, for want of others");
    equal(inspectCertificates(mx.key), null);
    equal(inspectCertificates(mx.chain.replace(/M/g, "!")), null);
    equal(inspectCertificates(""), null);
  },
});

Deno.test({
  name: "inspectKey() tells whether a key belongs to a certificate",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const [one, two] = [await made.issue("one"), await made.issue("two", { kind: "ed25519" })];
    deepEqual(inspectKey(one.key, one.chain), { kind: "read", fits: true });
    deepEqual(inspectKey(two.key, two.chain), { kind: "read", fits: true });
    deepEqual(inspectKey(one.key, two.chain), { kind: "read", fits: false });
    deepEqual(inspectKey(one.key, null), { kind: "read", fits: null });
    deepEqual(inspectKey(one.chain, one.chain), { kind: "malformed", isCertificate: true });
    deepEqual(inspectKey("junk", one.chain), { kind: "malformed", isCertificate: false });
    deepEqual(inspectKey("-----BEGIN ENCRYPTED PRIVATE KEY-----", null), { kind: "encrypted" });
  },
});

Deno.test("isForHost() knows names and one label in the place of the star", () => {
  const names = ["mx.example.org", "*.mail.example.org"];
  for (
    const [host, want] of [
      ["mx.example.org", true],
      ["MX.Example.Org", true],
      ["mx.example.org.", true],
      ["a.mail.example.org", true],
      ["a.b.mail.example.org", false],
      ["mail.example.org", false],
      [".mail.example.org", false],
      ["example.org", false],
      ["mx.example.orgg", false],
      ["", false],
    ] as const
  ) equal(isForHost(names, host), want, host);
});
