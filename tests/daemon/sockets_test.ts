import { deepEqual, rejects } from "node:assert/strict";
import { ListeningSockets } from "../../lib/daemon/sockets.ts";
import { Fault } from "../../lib/fault.ts";
import type { Listener } from "../../lib/policy/policy.ts";
import { policyOf } from "./rig.ts";

/** Sockets of a system where `taken` cannot be had. */
function world(taken: readonly string[] = []) {
  const open: string[] = [];
  const removed: string[] = [];
  const sockets = new ListeningSockets({
    submitSocket: "/s/submit.sock",
    remove: (path) => void removed.push(path),
    hold(at, access) {
      const name = at.kind === "unix" ? at.path : `${at.ip} ${at.port}`;
      if (taken.includes(name)) return Promise.reject(new Fault("exists", `Cannot listen on ${name}: EADDRINUSE`));
      open.push(access === null ? name : `${name} ${access.mode.toString(8)}`);
      return Promise.resolve({
        share: () => name,
        release: () => void open.splice(open.findIndex((one) => one.startsWith(name)), 1),
      });
    },
  });
  const handed = (listeners: readonly Listener[]) =>
    sockets.of(listeners).map(({ socket, listener }) => [socket.share(), listener]);
  return { sockets, open, removed, handed };
}

/** Listeners of `listen` lines, the submission socket first. */
function listeners(...places: readonly string[]): readonly Listener[] {
  const lines = places.map((place) => `listen on ${place}\n`).join("");
  return policyOf(`${lines}action "a" relay\nmatch for any action "a"\n`).listeners;
}

Deno.test("ListeningSockets binds what is new and closes what is gone, and keeps the rest open", async () => {
  const { sockets, open, handed } = world();
  const first = listeners("192.0.2.1 port 25", "192.0.2.1 port 587");
  await sockets.bind(first);
  sockets.keep(first);
  deepEqual(open, ["/s/submit.sock", "192.0.2.1 25", "192.0.2.1 587"]);
  deepEqual(handed(first), [["/s/submit.sock", 0], ["192.0.2.1 25", 1], ["192.0.2.1 587", 2]]);
  const second = listeners("192.0.2.1 port 587 tag X", "192.0.2.2 port 25");
  await sockets.bind(second);
  deepEqual(open, ["/s/submit.sock", "192.0.2.1 25", "192.0.2.1 587", "192.0.2.2 25"], "both are open meanwhile");
  sockets.keep(second);
  deepEqual(open, ["/s/submit.sock", "192.0.2.1 587", "192.0.2.2 25"]);
  deepEqual(handed(second), [["/s/submit.sock", 0], ["192.0.2.1 587", 1], ["192.0.2.2 25", 2]]);
});

Deno.test("ListeningSockets leaves all as it was when one cannot be bound", async () => {
  const { sockets, open } = world(["192.0.2.9 25"]);
  const first = listeners("192.0.2.1 port 25");
  await sockets.bind(first);
  sockets.keep(first);
  await rejects(sockets.bind(listeners("192.0.2.2 port 25", "192.0.2.9 port 25")), /EADDRINUSE/);
  deepEqual(open, ["/s/submit.sock", "192.0.2.1 25"]);
});

Deno.test("ListeningSockets closes what was bound for a configuration that does not come into force", async () => {
  const { sockets, open } = world();
  const first = listeners("192.0.2.1 port 25");
  await sockets.bind(first);
  sockets.keep(first);
  await sockets.bind(listeners("192.0.2.1 port 25", "192.0.2.2 port 25"));
  sockets.discard();
  deepEqual(open, ["/s/submit.sock", "192.0.2.1 25"]);
});

Deno.test("ListeningSockets refuses two lines for one address", async () => {
  const { sockets, open } = world();
  const [socket, one] = listeners("192.0.2.1 port 25");
  await rejects(sockets.bind([socket!, one!, one!]), /Cannot listen on 192\.0\.2\.1 port 25 twice/);
  deepEqual(open, []);
});
