import { deepEqual } from "node:assert/strict";
import { hintOfLines, messagesOfLines, policyOfLines } from "./load_text.ts";

Deno.test("resolveNetworks() takes lists that stand in the configuration", () => {
  const of = (lines: string) => policyOfLines(lines).smtp.except?.networks;
  deepEqual(of("smtp limit except { 192.0.2.0/24, 2001:db8::/32 }"), ["192.0.2.0/24", "2001:db8::/32"]);
  deepEqual(of("smtp limit except 192.0.2.1"), ["192.0.2.1"]);
  deepEqual(of("table t { 10.0.0.0/8 }\nsmtp limit except <t>"), ["10.0.0.0/8"]);
  // The last line counts.
  deepEqual(of("smtp limit except 192.0.2.1\nsmtp limit except 192.0.2.2"), ["192.0.2.2"]);
});

Deno.test("resolveNetworks() refuses what is not known with the configuration, and what is no network", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["table t file:/t\nsmtp limit except <t>", "2:19 `smtp limit except` takes no table that is read later"],
    ["table t file:/t\nlisten on lo proxy from <t>", "2:25 `proxy from` takes no table that is read later"],
    ["smtp limit except { 192.0.2.0/24, x }", "1:19 not a valid network: x"],
    ["table t { a = b }\nsmtp limit except <t>", '2:19 table "<t>" may not be used for networks lookups'],
    ["smtp limit except <none>", "1:19 no such table: <none>"],
  ];
  for (const [lines, want] of cases) deepEqual(messagesOfLines(lines), [want], lines);
});

Deno.test("a listener before which everybody may be a proxy is warned of, unless only this machine reaches it", () => {
  const lint = (options: string) => messagesOfLines(`listen on ${options}`);
  deepEqual(lint("lo proxy"), []);
  deepEqual(lint("lo proxy-v2"), []);
  deepEqual(lint("eth0 proxy from 192.0.2.7"), []);
  deepEqual(lint("eth0 proxy"), ["1:16 anybody who connects here may pretend to be any client"]);
  deepEqual(lint("0.0.0.0 proxy-v2"), ["1:19 anybody who connects here may pretend to be any client"]);
  deepEqual(hintOfLines("listen on eth0 proxy"), "say who the proxies are: `proxy from { 192.0.2.7 }`");
});
