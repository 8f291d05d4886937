import { equal } from "node:assert/strict";
import { parseDomain } from "../../lib/mail/domain.ts";
import { localPeerName } from "../../lib/daemon/local_peer.ts";

const hostname = parseDomain("mx.example.org")!;

Deno.test("localPeerName(): programs of this machine go by its name, who hands in mail of others by localhost", () => {
  equal(localPeerName({ kind: "socket", hostname }), "mx.example.org");
  equal(localPeerName({ kind: "lmtp", hostname }), "localhost");
});
