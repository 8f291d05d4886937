import { deepEqual, match, rejects } from "node:assert/strict";
import { covers } from "../../lib/daemon/listener_choice.ts";
import { explainFault, ListeningSockets } from "../../lib/daemon/sockets.ts";
import { Fault, type FaultKind } from "../../lib/fault.ts";
import type { Address } from "../../lib/port.ts";
import type { Listener } from "../../lib/policy/policy.ts";
import { policyOf } from "./rig.ts";

/** Sockets of a system where `taken` cannot be had, and where an IPv6 socket takes IPv4 as well. */
function world(taken: readonly string[] = []) {
  const open: string[] = [];
  const removed: string[] = [];
  const sockets = new ListeningSockets({
    submitSocket: "/s/submit.sock",
    remove: (path) => void removed.push(path),
    hold(at, access) {
      const name = at.kind === "unix" ? at.path : `${at.ip} ${at.port}`;
      const isTaken = at.kind === "inet" && open.some((one) => overlaps(one, at));
      if (isTaken || taken.includes(name)) {
        return Promise.reject(new Fault("exists", `Cannot listen on ${name}: EADDRINUSE`));
      }
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

/** Does Linux refuse to bind `at` beside a socket, named as above? */
function overlaps(name: string, at: Extract<Address, { readonly kind: "inet" }>): boolean {
  const [ip = "", port] = name.split(" ");
  return Number(port) === at.port && (covers(ip, at.ip) || covers(at.ip, ip));
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
  await rejects(sockets.bind(listeners("192.0.2.2 port 25", "192.0.2.9 port 25")), /another program listens there/);
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
  await rejects(sockets.bind([socket!, one!, one!]), /Cannot listen on 192\.0\.2\.1 port 25 twice: .*, take one out$/);
  deepEqual(open, []);
});

Deno.test("ListeningSockets has lines that overlap share a socket, whatever their order", async () => {
  const cases: readonly (readonly [readonly string[], readonly string[], readonly (readonly [string, number])[]])[] = [
    [["0.0.0.0", "::"], [":: 25"], [[":: 25", 1]]],
    [["::", "0.0.0.0"], [":: 25"], [[":: 25", 1]]],
    [["127.0.0.1", "0.0.0.0"], ["0.0.0.0 25"], [["0.0.0.0 25", 1]]],
    [["127.0.0.1", "0.0.0.0", "::1"], ["0.0.0.0 25", "::1 25"], [["0.0.0.0 25", 1], ["::1 25", 3]]],
    [["0.0.0.0", ":: port 587"], [":: 587", "0.0.0.0 25"], [["0.0.0.0 25", 1], [":: 587", 2]]],
  ];
  for (const [places, wantOpen, want] of cases) {
    const { sockets, open, handed } = world();
    const lines = listeners(...places);
    await sockets.bind(lines);
    sockets.keep(lines);
    deepEqual(open.slice().sort(), ["/s/submit.sock", ...wantOpen].sort(), places.join());
    deepEqual(handed(lines), [["/s/submit.sock", 0], ...want], places.join());
    sockets.keep([]);
    deepEqual(open, [], "each is closed once");
  }
});

Deno.test("ListeningSockets keeps a shared socket open as long as one line needs it", async () => {
  const { sockets, open, handed } = world();
  const both = listeners("0.0.0.0", "::");
  await sockets.bind(both);
  sockets.keep(both);
  const one = listeners("0.0.0.0");
  await sockets.bind(one);
  sockets.keep(one);
  deepEqual([open.sort(), handed(one)], [["/s/submit.sock", ":: 25"].sort(), [["/s/submit.sock", 0], [":: 25", 1]]]);
  await sockets.bind(listeners("0.0.0.0", "192.0.2.1"));
  sockets.discard();
  deepEqual(open, [":: 25", "/s/submit.sock"].sort());
});

Deno.test("ListeningSockets says that a wider line needs a restart, and blames nobody else", async () => {
  const { sockets, open } = world();
  const one = listeners("127.0.0.1");
  await sockets.bind(one);
  sockets.keep(one);
  const wider = listeners("127.0.0.1", "0.0.0.0");
  await rejects(
    sockets.bind(wider),
    /^Fault: Cannot listen on 0\.0\.0\.0 port 25 beside 127\.0\.0\.1 port 25 while smtpd runs: restart smtpd$/,
  );
  deepEqual(open, ["/s/submit.sock", "127.0.0.1 25"]);
  const { sockets: others } = world([":: 25"]);
  await rejects(others.bind(listeners("::", "0.0.0.0")), /another program listens there/);
});

Deno.test("ListeningSockets gives a socket of LMTP its permissions, and takes its name away", async () => {
  const { sockets, open, removed } = world();
  const lines = listeners('socket "/s/lmtp" lmtp mode 0600');
  await sockets.bind(lines);
  sockets.keep(lines);
  deepEqual(open, ["/s/submit.sock", "/s/lmtp 600"]);
  sockets.keep([]);
  deepEqual([open, removed], [[], ["/s/lmtp"]]);
});

Deno.test("explainFault() says what to do, and leaves alone what it does not know", () => {
  const inet = { kind: "inet", ip: "192.0.2.1", port: 25 } as const;
  const unix = { kind: "unix", path: "/run/x" } as const;
  const cases: readonly (readonly [Address, FaultKind, RegExp])[] = [
    [inet, "exists", /^Cannot listen on 192\.0\.2\.1 port 25: another program listens there; `ss -ltnp sport = :25`/],
    [inet, "denied", /ports below 1024 are for root: .*socket activation/],
    [{ ...inet, port: 2525 }, "denied", /port 2525: the system does not allow it$/],
    [inet, "unreachable", /no interface of this machine has this address/],
    [inet, "io", /^Cannot listen: EIO$/],
    [unix, "exists", /^Cannot listen on the socket \/run\/x: another program answers there/],
    [unix, "denied", /the directory has to be writable/],
    [unix, "notFound", /its directory does not exist/],
    [unix, "io", /^Cannot listen: EIO$/],
  ];
  for (const [at, kind, want] of cases) match(explainFault(at, new Fault(kind, "Cannot listen: EIO")).message, want);
});
