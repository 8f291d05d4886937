import { deepEqual, equal } from "node:assert/strict";
import { ForwardHouse, forwardReadersMax, forwardReadMs, forwardWaitingMax } from "../../lib/daemon/forward_house.ts";
import type { Grant, Premises } from "../../lib/daemon/privilege.ts";
import type { FromRole } from "../../lib/daemon/supervision.ts";
import type { ForwardFile, ForwardUser } from "../../lib/policy/forward.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeDisk } from "../sim/disk.ts";

const ann: ForwardUser = { name: "ann", uid: 1001, gid: 100, home: "/home/ann" };
const accounts = {
  smtpd: { name: "_smtpd", uid: 990, gid: 990 },
  smtpq: { name: "_smtpq", uid: 991, gid: 991 },
};
const text: ForwardFile = { kind: "text", text: "bob\n" };

function house(change: Partial<Premises> = {}) {
  const [clock, disk] = [new FakeClock(), new FakeDisk()];
  const answers: (readonly [number, ForwardFile])[] = [];
  const started: { grant: Grant; work: unknown; hear: (message: FromRole) => void; ended: () => void }[] = [];
  let stops = 0;
  disk.plantDir("/home/ann");
  const forwards = new ForwardHouse({
    clock,
    disk,
    premises: { spool: "/q", state: "/s", accounts, includes: [], resolvers: [], ...change },
    uid: 77,
    realPath: (path) => Promise.resolve(path === "/home/link" ? "/home/ann" : path),
    start(grant, work, _key, hear, ended) {
      started.push({ grant, work, hear, ended });
      return {
        stop() {
          stops++;
          return Promise.resolve();
        },
      };
    },
    answer: (request, file) => void answers.push([request, file]),
  });
  return { clock, disk, answers, started, forwards, stops: () => stops };
}

Deno.test("a user without a .forward, or without a home, takes no process", async () => {
  const { answers, started, forwards } = house();
  await forwards.need(1, ann);
  await forwards.need(2, { ...ann, home: "/home/gone" });
  deepEqual(answers, [
    [1, { kind: "absent" }],
    [2, { kind: "absent" }],
  ]);
  equal(started.length, 0);
});

Deno.test("a .forward is read by a process of the user's own, which may read his home and no more", async () => {
  const { clock, disk, answers, started, forwards, stops } = house();
  disk.plant("/home/ann/.forward", "bob\n");
  await forwards.need(1, ann);
  const [reader] = started;
  deepEqual([reader?.grant.account, reader?.grant.read, reader?.grant.write, reader?.grant.run], [
    ann,
    ["/home/ann"],
    [],
    [],
  ]);
  deepEqual(reader?.work, { kind: "forward", user: ann, uid: 1001 });
  reader?.hear({ kind: "ready", version: 1 });
  reader?.hear({ kind: "forwardRead", file: text });
  reader?.hear({ kind: "forwardRead", file: { kind: "absent" } });
  await clock.settle();
  deepEqual(answers, [[1, text]]);
  equal(stops() > 0, true);
  equal(clock.pending, 0);
});

Deno.test("where every role keeps the caller's account the caller has to own the file", async () => {
  const { disk, started, forwards } = house({ accounts: null });
  disk.plant("/home/ann/.forward", "bob\n");
  await forwards.need(1, ann);
  deepEqual([started[0]?.grant.account, started[0]?.work], [null, { kind: "forward", user: ann, uid: 77 }]);
});

Deno.test("a reader that dies, or hangs, is a failure for now", async () => {
  const { clock, disk, answers, started, forwards, stops } = house();
  disk.plant("/home/ann/.forward", "bob\n");
  await forwards.need(1, ann);
  started[0]?.ended();
  await forwards.need(2, ann);
  await clock.advance(forwardReadMs);
  const failed = { kind: "refused", problem: "noReader", detail: "/home/ann" } as const;
  deepEqual(answers, [[1, failed], [2, failed]]);
  equal(stops(), 1);
});

Deno.test("no more than so many are read at once, and of those that wait too many are told to come again", async () => {
  const { clock, disk, answers, started, forwards } = house();
  disk.plant("/home/ann/.forward", "bob\n");
  for (let n = 0; n <= forwardReadersMax + forwardWaitingMax; n++) await forwards.need(n, ann);
  equal(started.length, forwardReadersMax);
  deepEqual(answers.map(([, file]) => file.kind === "refused" && file.problem), ["busy"]);
  started[0]?.hear({ kind: "forwardRead", file: text });
  await clock.settle();
  equal(started.length, forwardReadersMax + 1);
  await forwards.stop();
  started[1]?.hear({ kind: "forwardRead", file: text });
  await clock.settle();
  equal(started.length, forwardReadersMax + 1);
});

Deno.test("a home whose name has a comma is read by nobody", async () => {
  const { disk, answers, started, forwards } = house();
  disk.plant("/home/a,b/.forward", "bob\n");
  await forwards.need(1, { ...ann, home: "/home/a,b" });
  deepEqual([started.length, answers[0]?.[1].kind], [0, "refused"]);
});

Deno.test("a home that is a link is looked at where it leads", async () => {
  const { disk, started, forwards } = house();
  disk.plant("/home/ann/.forward", "bob\n");
  await forwards.need(1, { ...ann, home: "/home/link" });
  deepEqual(started[0]?.grant.read, ["/home/ann"]);
  deepEqual(started[0]?.work, { kind: "forward", user: ann, uid: 1001 });
});
