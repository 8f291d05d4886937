import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  type Candidate,
  Reload,
  type ReloadAnswer,
  type ReloadAsker,
  type ReloadEffect,
  type ReloadEvent,
} from "../../lib/daemon/reload.ts";

const asker: ReloadAsker = { life: 1, request: 7 };
const candidate: Candidate = {
  summary: { version: 2, changes: [], warnings: [] },
  newcomers: ["lookup#v2", "smtp-in#v2"],
  told: ["queue", "delivery"],
};
const asked: ReloadEvent = { kind: "asked", asker, check: false };
const loaded: ReloadEvent = { kind: "loaded", candidate };

/** Steps through events; the effects of the last one, as words. */
function play(...events: readonly ReloadEvent[]): readonly string[] {
  const reload = new Reload();
  let effects: readonly ReloadEffect[] = [];
  for (const event of events) effects = reload.step(event);
  return effects.map(wordOf);
}

function wordOf(effect: ReloadEffect): string {
  switch (effect.kind) {
    case "answer":
    case "note": {
      const { answer } = effect;
      const how = answer.kind === "refused" ? answer.problems.join("; ") : answer.inForce ? "in force" : "checked";
      return `${effect.kind}${effect.kind === "answer" && effect.asker === null ? " nobody" : ""}: ${how}`;
    }
    case "restart":
      return `restart ${effect.names.join(" ")}`;
    case "wait":
      return effect.ms === null ? "wait for nothing" : `wait ${effect.ms / 1000} s`;
    default:
      return effect.kind;
  }
}

const prepared: readonly ReloadEvent[] = [
  asked,
  loaded,
  { kind: "ready", name: "smtp-in#v2" },
  { kind: "ready", name: "lookup#v2" },
];
const told: readonly ReloadEvent[] = [
  ...prepared,
  { kind: "joined" },
  { kind: "told", name: "queue" },
  { kind: "told", name: "delivery" },
];

const steps: readonly (readonly [name: string, events: readonly ReloadEvent[], effects: readonly string[]])[] = [
  ["reads the file when asked", [asked], ["load"]],
  ["says what would change", [{ ...asked, check: true }, loaded], ["answer: checked"]],
  ["prepares what was found good", [asked, loaded], ["wait 60 s", "prepare"]],
  ["refuses a broken file", [asked, { kind: "refused", problems: ["a", "b"] }], ["note: a; b", "answer: a; b"]],
  ["notes nothing of a mere check", [{ ...asked, check: true }, { kind: "refused", problems: ["a"] }], ["answer: a"]],
  ["waits for every newcomer", prepared.slice(0, 3), []],
  ["has newcomers joined once all are ready", prepared, ["join"]],
  ["takes no word of others for a newcomer's", [asked, loaded, { kind: "ready", name: "queue" }], []],
  ["tells those that stay only when all is prepared", [...prepared, { kind: "joined" }], ["wait 10 s", "commit"]],
  ["lets newcomers serve only when those that stay know", told.slice(0, -1), []],
  ["lets newcomers serve when they know", told, ["wait 10 s", "serve"]],
  ["takes no early word for it", [...told, { kind: "told", name: "smtp-in#v2" }, { kind: "ready", name: "x" }], []],
  [
    "answers when all serve",
    [...told, { kind: "served", name: "lookup#v2" }, { kind: "served", name: "smtp-in#v2" }],
    ["wait for nothing", "note: in force", "answer: in force"],
  ],
  [
    "gives up when a newcomer fails",
    [asked, loaded, { kind: "failed", reason: "no" }],
    ["wait for nothing", "discard", "note: no", "answer: no"],
  ],
  [
    "gives up when a newcomer dies while it is joined",
    [...prepared, { kind: "failed", reason: "no" }],
    ["wait for nothing", "discard", "note: no", "answer: no"],
  ],
  ["never gives up after the commit", [...told, { kind: "failed", reason: "no" }], []],
  [
    "gives up when a newcomer takes too long",
    [...prepared.slice(0, 3), { kind: "late" }],
    [
      "wait for nothing",
      "discard",
      "note: lookup#v2 took more than 60 s to be ready",
      "answer: lookup#v2 took more than 60 s to be ready",
    ],
  ],
  ["has a role that does not confirm started again", [...told.slice(0, -1), { kind: "late" }], [
    "restart delivery",
    "wait 10 s",
  ]],
  ["has a newcomer that does not serve started again", [...told, { kind: "late" }], [
    "restart lookup#v2 smtp-in#v2",
    "wait 10 s",
  ]],
  ["refuses a second request meanwhile", [asked, asked], [
    "answer: another reload is under way; try again in a moment",
  ]],
  ["remembers a signal meanwhile, with one reload for all of them", [
    asked,
    { kind: "asked", asker: null, check: false },
    { kind: "asked", asker: null, check: false },
    { kind: "refused", problems: ["a"] },
  ], ["note: a", "answer: a", "load"]],
  ["refuses when the daemon is being stopped", [{ kind: "stopping" }, asked], ["answer: smtpd is stopping"]],
  ["gives up what is prepared when the daemon is stopped", [...prepared, { kind: "stopping" }], [
    "wait for nothing",
    "discard",
    "answer: smtpd is stopping",
  ]],
  ["discards nothing that is in force when the daemon is stopped", [...told, { kind: "stopping" }], [
    "wait for nothing",
    "answer: smtpd is stopping",
  ]],
];
for (const [name, events, effects] of steps) {
  Deno.test(`Reload ${name}`, () => deepEqual(play(...events), effects));
}

/** A world in which anybody dies whenever it likes. Versions are what a life of a process works under. */
class World {
  readonly reload = new Reload();
  /** Of each process: the version that it works under; null while it is being started again. */
  readonly versions = new Map<string, number | null>([["queue", 1], ["delivery", 1], ["lookup", 1], ["smtp-in", 1]]);
  readonly answers: ReloadAnswer[] = [];
  current = 1;
  commits = 0;
  isServing = false;
  newcomers: readonly string[] = [];
  /** What is under way: the events that come, sooner or later. */
  readonly coming: ReloadEvent[] = [];

  step(event: ReloadEvent): void {
    for (const effect of this.reload.step(event)) this.#perform(effect);
  }

  /** The life ends; the next one has been told what is in force now. A newcomer that has no part in it yet is no more. */
  die(name: string): void {
    if (!this.versions.has(name)) return;
    const isNew = this.newcomers.includes(name);
    if (isNew && this.reload.isPreparing) return this.step({ kind: "failed", reason: `${name} died` });
    this.versions.set(name, null);
  }

  /** Those that died come back. */
  comeBack(): void {
    for (const [name, version] of this.versions) {
      if (version !== null) continue;
      const isNew = this.newcomers.includes(name);
      this.versions.set(name, isNew ? 2 : this.current);
      if (isNew && this.isServing) this.step({ kind: "served", name });
      else if (!isNew && this.current === 2) this.step({ kind: "told", name });
    }
  }

  #perform(effect: ReloadEffect): void {
    switch (effect.kind) {
      case "load":
        this.coming.push(loaded);
        return;
      case "prepare":
        this.newcomers = candidate.newcomers;
        for (const name of candidate.newcomers) {
          this.versions.set(name, 2);
          this.coming.push({ kind: "ready", name });
        }
        return;
      case "join":
        this.coming.push({ kind: "joined" });
        return;
      case "discard":
        for (const name of this.newcomers) this.versions.delete(name);
        this.newcomers = [];
        return;
      case "commit":
        this.commits++;
        this.current = 2;
        for (const name of candidate.told) {
          if (this.versions.get(name) === null) continue;
          this.versions.set(name, 2);
          this.coming.push({ kind: "told", name });
        }
        return;
      case "serve":
        this.isServing = true;
        for (const name of candidate.newcomers) {
          if (this.versions.get(name) !== null) this.coming.push({ kind: "served", name });
        }
        this.versions.delete("lookup");
        this.versions.delete("smtp-in");
        return;
      case "restart":
        for (const name of effect.names) this.die(name);
        return;
      case "answer":
        this.answers.push(effect.answer);
    }
  }
}

const anything = fc.oneof(
  { weight: 4, arbitrary: fc.nat().map((which) => ({ what: "next", which }) as const) },
  {
    weight: 2,
    arbitrary: fc.constantFrom("queue", "delivery", "lookup", "smtp-in", "lookup#v2", "smtp-in#v2")
      .map((name) => ({ what: "die", name }) as const),
  },
  { weight: 1, arbitrary: fc.constant({ what: "back" } as const) },
  { weight: 1, arbitrary: fc.constant({ what: "late" } as const) },
);

Deno.test("whoever dies whenever, in the end all work under one version: the new one if it was committed", () => {
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 60 }), (happenings) => {
      const world = new World();
      world.step(asked);
      for (const happening of happenings) {
        if (happening.what === "die") world.die(happening.name);
        else if (happening.what === "back") world.comeBack();
        else if (happening.what === "late") world.step({ kind: "late" });
        else {
          const [event] = world.coming.splice(happening.which % Math.max(1, world.coming.length), 1);
          if (event !== undefined) world.step(event);
        }
      }
      // Then nothing happens any more but what is under way.
      for (let round = 0; round < 20 && world.answers.length === 0; round++) {
        world.comeBack();
        for (let event = world.coming.shift(); event !== undefined; event = world.coming.shift()) world.step(event);
        world.step({ kind: "late" });
      }
      world.comeBack();
      equal(world.answers.length, 1, "one answer");
      const [answer] = world.answers;
      const isInForce = answer?.kind === "ok" && answer.inForce;
      equal(world.commits, isInForce ? 1 : 0);
      equal(world.current, isInForce ? 2 : 1);
      deepEqual([...new Set(world.versions.values())], [world.current], "one version");
      ok(world.versions.size === 4, "nobody too many");
    }),
  );
});
