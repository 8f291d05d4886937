import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { hostSha1 } from "../../lib/host/hash.ts";
import { formatMailbox, type Mailbox, parseMailbox } from "../../lib/mail/address.ts";
import { decodeSrs, encodeSrs, type SrsOptions } from "../../lib/trust/srs.ts";
import { mailbox } from "../policy/tables.ts";

const options: SrsOptions = { key: "secret", backupKey: null, ttlDays: 4, day: 20000, sha1: hostSha1 };

const first = "SRS0=hkj_=RA=example.com=alice@fwd.example.net";
const second = "SRS1=9hM6=fwd.example.net==hkj_=RA=example.com=alice@hop2.example.org";
const third = "SRS1=J_pe=fwd.example.net==hkj_=RA=example.com=alice@hop3.example.org";

const encode = (sender: string, domain: string, change: Partial<SrsOptions> = {}): string | null => {
  const made = encodeSrs(mailbox(sender), mailbox(`x@${domain}`).domain, { ...options, ...change });
  return made === null ? null : `${made.localPart}@${made.domain}`;
};

const decode = (address: string, change: Partial<SrsOptions> = {}): string => {
  const made = decodeSrs(mailbox(address), { ...options, ...change });
  return made.kind === "address" ? `${made.mailbox.localPart}@${made.mailbox.domain}` : JSON.stringify(made);
};

const notOurs = JSON.stringify({ kind: "bad", reason: "the signature is not ours" });
const noAddress = JSON.stringify({ kind: "bad", reason: "it has no address in it" });
const old = (days: number) => JSON.stringify({ kind: "bad", reason: `it is ${days} days old` });
const plain = JSON.stringify({ kind: "plain" });

Deno.test("encodeSrs() makes the addresses that OpenSMTPD makes", () => {
  equal(encode("alice@example.com", "fwd.example.net"), first);
  equal(encode(first, "hop2.example.org", { key: "key2" }), second);
  equal(encode(second, "hop3.example.org", { key: "key3" }), third);
});

Deno.test("encodeSrs() knows addresses of other forwarders by their separators and case", () => {
  const body = (sender: string) => encode(sender, "us.test")?.replace(/^(SRS.)=....=/, "$1:");
  for (
    const [sender, want] of [
      ["srs0+abcd=RA=a.test=ann@fwd.test", "SRS1:fwd.test=+abcd=RA=a.test=ann@us.test"],
      ["SRS0-abcd=RA=a.test=ann@fwd.test", "SRS1:fwd.test=-abcd=RA=a.test=ann@us.test"],
      ["SRS1+ab-d=fwd.test==abcd=RA=a.test=ann@hop.test", "SRS1:fwd.test==abcd=RA=a.test=ann@us.test"],
      ["SRS1=longer=fwd.test==abcd=RA=a.test=ann@hop.test", "SRS1:fwd.test==abcd=RA=a.test=ann@us.test"],
      // These only look like it.
      ["SRS0=@a.test", "SRS0:RA=a.test=SRS0=@us.test"],
      ["SRS1=x@a.test", "SRS0:RA=a.test=SRS1=x@us.test"],
      ["srs01@a.test", "SRS0:RA=a.test=srs01@us.test"],
    ] as const
  ) equal(body(sender), want, sender);
});

Deno.test("encodeSrs() gives nothing that is too long to be an address", () => {
  const at = (length: number) => encode(`${"x".repeat(length)}@a.test`, "us.test");
  equal(at(255 - "SRS0=abcd=RA=a.test=".length)?.length, "@us.test".length + 255);
  equal(at(256 - "SRS0=abcd=RA=a.test=".length), null);
});

Deno.test("decodeSrs() takes an address back, one hop at a time", () => {
  equal(decode(third, { key: "key3" }), first);
  equal(decode(second, { key: "key2" }), first);
  equal(decode(first), "alice@example.com");
  equal(decode("srs0=hkj_=RA=example.com=alice@fwd.example.net"), "alice@example.com");
});

Deno.test("decodeSrs() believes only what was signed, as it was written", () => {
  for (
    const [address, want] of [
      ["SRS0=hkj_=RA=example.com=alicf@fwd.example.net", notOurs],
      ["SRS0=hkj_=RA=example.com=Alice@fwd.example.net", notOurs],
      ["SRS0=HKJ_=RA=example.com=alice@fwd.example.net", notOurs],
      ["SRS0=hkj_=RB=example.com=alice@fwd.example.net", notOurs],
      ["SRS0=hkj_=RA=example.com=alice@example.net", notOurs],
      ["SRS0=hkj_x=RA=example.com=alice@fwd.example.net", notOurs],
      ["SRS0=hkj=RA=example.com=alice@fwd.example.net", notOurs],
      ["SRS0==@fwd.example.net", notOurs],
      ["SRS0=@fwd.example.net", plain],
      ["SRS2=hkj_=RA=example.com=alice@fwd.example.net", plain],
      ["alice@fwd.example.net", plain],
    ] as const
  ) equal(decode(address), want, address);
});

Deno.test("decodeSrs() does not trip over what somebody signed who has the key", () => {
  const signed = (tag: string, body: string) => {
    const hash = Array.from(hostSha1(new TextEncoder().encode(`secret${body}@us.test`)));
    const text = btoa(String.fromCharCode(...hash)).replaceAll("+", "-").replaceAll("/", "_").slice(0, 4);
    return decode(`${tag}=${text}=${body}@us.test`);
  };
  equal(signed("SRS0", "RA=a.test=ann=x"), "ann=x@a.test");
  equal(signed("SRS0", "ra=a.test=ann"), noAddress);
  equal(signed("SRS0", "RA==ann"), noAddress);
  equal(signed("SRS0", "RA=a..test=ann"), noAddress);
  equal(signed("SRS0", "RA=a.test="), noAddress);
  equal(signed("SRS1", "fwd.test==x"), "SRS0=x@fwd.test");
  equal(signed("SRS1", "fwd.test=x"), noAddress);
  equal(signed("SRS1", "=x"), noAddress);
});

Deno.test("decodeSrs() takes the backup key while keys change, and none when there is none", () => {
  equal(decode(first, { key: "new", backupKey: "secret" }), "alice@example.com");
  equal(decode(first, { key: "new", backupKey: "older" }), notOurs);
  equal(decode(first, { key: "new" }), notOurs);
});

Deno.test("decodeSrs() lets an address grow old for as long as it may, across the end of the cycle", () => {
  for (
    const [made, read, want] of [
      [20000, 20000, "fine"],
      [20000, 20004, "fine"],
      [20000, 20005, old(5)],
      [20000, 19999, "fine"],
      [20000, 19998, old(1022)],
      [1023, 1024, "fine"],
      [1024, 1023, "fine"],
      [1020, 1025, old(5)],
    ] as const
  ) {
    const address = encode("ann@a.test", "us.test", { day: made })!;
    equal(decode(address, { day: read }), want === "fine" ? "ann@a.test" : want, `${made} ${read}`);
  }
});

Deno.test("what encodeSrs() makes decodeSrs() takes back, and it is an address", () => {
  const part = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,30}$/).filter((text) =>
    !/^srs[01][=+-]/i.test(text)
  );
  const domain = fc.stringMatching(/^[a-z0-9]{1,20}(\.[a-z0-9]{1,10}){0,2}$/);
  fc.assert(
    fc.property(part, domain, domain, domain, fc.nat(30_000), (localPart, from, us, them, day) => {
      const sender = mailbox(`${localPart}@${from}`);
      const at = (text: string) => mailbox(`x@${text}`).domain;
      const here: SrsOptions = { ...options, day };
      const made = encodeSrs(sender, at(us), here);
      if (made === null) return;
      deepEqual(decodeSrs(made, here), { kind: "address", mailbox: sender });
      deepEqual<Mailbox | null>(parseMailbox(formatMailbox(made), null), made);
      const again = encodeSrs(made, at(them), { ...here, key: "theirs" });
      if (again === null) return;
      deepEqual(decodeSrs(again, { ...here, key: "theirs" }), { kind: "address", mailbox: made });
    }),
    { numRuns: 1000 },
  );
});
