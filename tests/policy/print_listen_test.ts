import { deepEqual } from "node:assert/strict";
import { printListeners } from "../../lib/policy/print_listen.ts";
import { assertCanonical } from "./canonical.ts";
import { policyOf } from "./tables.ts";

const head = `pki a.test cert "/c"
pki a.test key "/k"
pki b.test cert "/c"
pki b.test key "/k"
ca a.test cert "/ca"
table c { a = "b:c" }
table n { 192.0.2.0/24 }
table h { 192.0.2.10 = a.test }
filter f phase connect match !rdns junk
`;

Deno.test("printListeners() writes every option, one line for all addresses", () => {
  assertCanonical(
    head,
    [
      "listen on lo",
      "listen on lo inet4",
      "listen on eth0 inet6 port 2525 tag IN",
      "listen on 192.0.2.10 port 587 tls-require verify pki a.test pki b.test ca a.test auth <c>",
      "listen on eth0 smtps pki a.test",
      "listen on eth0 port 25 smtps pki a.test",
      'listen on eth0 tls pki a.test protocols "TLSv1.3" auth-optional',
      "listen on eth0 hostname other.test hostnames <h> filter f mask-src no-dsn received-auth proxy-v2",
      'listen on eth0 port 2526 tls pki a.test ca a.test auth <c> auth-external <h> mechanisms "PLAIN EXTERNAL"',
      "listen on eth0 tls pki a.test auth senders <h> masquerade",
      "listen on eth0 port 2525 tls pki a.test auth senders <h> masquerade header-from",
      "listen on lo lmtp",
      "listen on lo inet4 lmtp port 2424 proxy",
      "listen on eth0 port 26 proxy-v2 from <n>",
      "listen on eth0 port 27 proxy from { 192.0.2.0/24, 2001:db8::/32 }",
      'listen on socket "/run/lmtp" lmtp',
      'listen on socket "/run/lmtp2" lmtp mode 0600 user mail group mail hostname l.test tag L',
      "listen on socket tag LOCAL filter { f } mask-src no-dsn",
    ].map((line) => line.replace('"TLSv1.3"', "TLSv1.3")),
  );
});

Deno.test("printListeners() writes lines in their order, and the socket's only if it had one", () => {
  const of = (text: string) => {
    const policy = policyOf(`${text}match for local reject\n`);
    return printListeners({ policy, secrets: "shown" });
  };
  deepEqual(of("listen on lo\nlisten on socket\nlisten on lo port 26\n"), [
    "listen on lo",
    "listen on socket",
    "listen on lo port 26",
  ]);
  deepEqual(of("listen on lo\n"), ["listen on lo"]);
});
