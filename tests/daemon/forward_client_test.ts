import { deepEqual, equal } from "node:assert/strict";
import { forwardAskedMax, forwardCacheMs, ForwardClient, forwardWaitMs } from "../../lib/daemon/forward_client.ts";
import type { ForwardFile, ForwardUser } from "../../lib/policy/forward.ts";
import { FakeClock } from "../sim/clock.ts";

const ann: ForwardUser = { name: "ann", uid: 1001, gid: 100, home: "/home/ann" };
const text: ForwardFile = { kind: "text", text: "bob\n" };

function client() {
  const clock = new FakeClock();
  const asked: (readonly [number, string])[] = [];
  const forwards = new ForwardClient(clock, (request, user) => void asked.push([request, user.home]));
  return { clock, asked, forwards };
}

Deno.test("ForwardClient asks once for a burst of mail, and again after a while", async () => {
  const { clock, asked, forwards } = client();
  const both = [forwards.read(ann), forwards.read(ann)];
  deepEqual(asked, [[1, "/home/ann"]]);
  forwards.answered(1, text);
  deepEqual(await Promise.all(both), [text, text]);
  await clock.advance(forwardCacheMs - 1);
  equal(await forwards.read(ann), text);
  await clock.advance(1);
  void forwards.read(ann);
  deepEqual(asked.length, 2);
});

Deno.test("ForwardClient keeps apart users who share a name, and homes that users share", () => {
  const { asked, forwards } = client();
  void forwards.read(ann);
  void forwards.read({ ...ann, home: "/srv/ann" });
  void forwards.read({ ...ann, uid: 1002 });
  void forwards.read({ ...ann, name: "annie" });
  equal(asked.length, 3);
});

Deno.test("ForwardClient does not remember a refusal: it may be put right", async () => {
  const { asked, forwards } = client();
  const first = forwards.read(ann);
  forwards.answered(1, { kind: "refused", problem: "writableByOthers", detail: "/home/ann/.forward" });
  equal((await first).kind, "refused");
  await Promise.resolve();
  void forwards.read(ann);
  equal(asked.length, 2);
});

Deno.test("ForwardClient gives up a question that nobody answers, and bounds how many there are", async () => {
  const { clock, asked, forwards } = client();
  const first = forwards.read(ann);
  for (let n = 1; n < forwardAskedMax; n++) void forwards.read({ ...ann, home: `/home/u${n}` });
  deepEqual(await forwards.read({ ...ann, home: "/home/more" }), {
    kind: "refused",
    problem: "busy",
    detail: "/home/more",
  });
  equal(asked.length, forwardAskedMax);
  await clock.advance(forwardWaitMs);
  deepEqual(await first, { kind: "refused", problem: "noReader", detail: "/home/ann" });
  // An answer that comes too late, or that nobody asked for.
  forwards.answered(1, text);
  forwards.answered(99_999, text);
});
