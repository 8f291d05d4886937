import { deepEqual } from "node:assert/strict";
import { parseLmtpDestination } from "../../lib/policy/lmtp_destination.ts";

const inet = (ip: string, port: number) => ({ kind: "inet", ip, port });
const host = (name: string, port: number) => ({ kind: "host", name, port });

for (
  const [text, want] of [
    ["/run/lmtp", { kind: "unix", path: "/run/lmtp" }],
    ["/run/a:b", { kind: "unix", path: "/run/a:b" }],
    ["127.0.0.1:24", inet("127.0.0.1", 24)],
    ["127.0.0.1", inet("127.0.0.1", 25)],
    ["[127.0.0.1]:24", inet("127.0.0.1", 24)],
    ["[::1]:24", inet("::1", 24)],
    ["[IPv6:::1]", inet("::1", 25)],
    ["localhost:2400", host("localhost", 2400)],
    ["Mail.Test:24", host("mail.test", 24)],
    ["dove_cot", host("dove_cot", 25)],
    ["", null],
    ["/run/\0", null],
    ["run/lmtp", null],
    ["127.0.0.1:0", null],
    ["127.0.0.1:99999", null],
    ["127.0.0.1:24x", null],
    ["::1", null],
    ["[::1", null],
    ["[store.test]:24", null],
    ["a b", null],
    ["-a:24", null],
  ] as const
) {
  Deno.test(`parseLmtpDestination() reads ${JSON.stringify(text)}`, () => deepEqual(parseLmtpDestination(text), want));
}
