/** A reload of the configuration, as a machine: two phases, so that in the end every role works under one version.
 *
 *   load      the file is read and checked
 *   prepare   sockets are bound, newcomers started: nothing that is in force has changed
 *   commit    from here on there is no way back: the roles that stay are told, and whatever dies comes back as new
 *   serve     newcomers take over the listening sockets, those that they follow finish what they have begun
 *
 * A newcomer is a process that takes the place of another; a role that stays is told. Pure: time comes in as `late`. */

import type { Change } from "../policy/difference.ts";
import { type ConfigError, printError } from "../policy/error.ts";

/** What is wrong: a place of the configuration, or a text for a person, several lines perhaps. */
export type ReloadProblem = ConfigError | string;

/** Columns of problems: whoever reads them may be anywhere. */
const problemWidth = 120;

/** The problem as `smtpd -n` prints it. */
export function problemText(problem: ReloadProblem): string {
  return typeof problem === "string" ? problem : printError(problem, { colour: false, width: problemWidth });
}

/** How long newcomers may take to be ready, ms: they open their tables. */
export const prepareMaxMs = 60_000;

/** How long a role may take to confirm what is in force before it is started again, ms. */
export const commitMaxMs = 10_000;

/** Who asked: a request of a life of queue. Null for a signal, to which there is no answer but the log. */
export type ReloadAsker = { readonly life: number; readonly request: number } | null;

/** What a reload comes to. */
export interface ReloadSummary {
  /** The version that is in force then. */
  readonly version: number;
  /** All that is different from before. */
  readonly changes: readonly Change[];
  /** Warnings about the configuration. */
  readonly warnings: readonly ReloadProblem[];
}

/** How a reload ended. */
export type ReloadAnswer =
  /** `inForce` is false when it was only asked what would change. */
  | ({ readonly kind: "ok"; readonly inForce: boolean } & ReloadSummary)
  /** The former configuration is in force. */
  | { readonly kind: "refused"; readonly problems: readonly ReloadProblem[] };

/** What `smtpctl show status` says of the configuration. Times are ms since the epoch. */
export interface ConfigurationStatus {
  /** Path of the file. */
  readonly file: string;
  /** 1 at the start of the daemon, one more with each reload. */
  readonly version: number;
  /** When it came into force. */
  readonly loadedAt: number;
  /** The last reload, when that has failed. */
  readonly failure: { readonly at: number; readonly reason: string } | null;
}

/** A configuration that was found good. */
export interface Candidate {
  /** What will be said of it. */
  readonly summary: ReloadSummary;
  /** Names of processes that have to be ready before it can be in force. */
  readonly newcomers: readonly string[];
  /** Names of processes that go on under it. */
  readonly told: readonly string[];
}

/** What happens. */
export type ReloadEvent =
  | { readonly kind: "asked"; readonly asker: ReloadAsker; readonly check: boolean }
  | { readonly kind: "loaded"; readonly candidate: Candidate }
  | { readonly kind: "refused"; readonly problems: readonly ReloadProblem[] }
  /** Sockets cannot be bound, or a newcomer has ended before all was ready. */
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "ready"; readonly name: string }
  /** Newcomers have their connections to other roles. */
  | { readonly kind: "joined" }
  /** One of those that stay works under the new version. */
  | { readonly kind: "told"; readonly name: string }
  /** A newcomer serves. */
  | { readonly kind: "served"; readonly name: string }
  /** The time of the last `wait` is over. */
  | { readonly kind: "late" }
  | { readonly kind: "stopping" };

/** What is to be done. */
export type ReloadEffect =
  | { readonly kind: "load" }
  /** Bind what is to be bound, start the newcomers. */
  | { readonly kind: "prepare" }
  /** Newcomers are to get their connections: `joined` follows. */
  | { readonly kind: "join" }
  /** Nothing comes of it: end the newcomers, close what was bound for them. */
  | { readonly kind: "discard" }
  /** The new version is the one in force, also for whatever is started again: tell those that stay. */
  | { readonly kind: "commit" }
  /** Newcomers serve, those whose place they take finish. */
  | { readonly kind: "serve" }
  /** These do not confirm: end them, so that they are started again. */
  | { readonly kind: "restart"; readonly names: readonly string[] }
  /** Send `late` after this time, instead of what was to be sent before; null for never. */
  | { readonly kind: "wait"; readonly ms: number | null }
  | { readonly kind: "answer"; readonly asker: ReloadAsker; readonly answer: ReloadAnswer }
  /** For the log and for `smtpctl show status`. */
  | { readonly kind: "note"; readonly answer: ReloadAnswer };

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "loading"; readonly asker: ReloadAsker; readonly check: boolean }
  | { readonly kind: "preparing"; readonly asker: ReloadAsker; readonly candidate: Candidate; waits: Set<string> }
  | { readonly kind: "joining"; readonly asker: ReloadAsker; readonly candidate: Candidate }
  | { readonly kind: "committing"; readonly asker: ReloadAsker; readonly candidate: Candidate; waits: Set<string> }
  | { readonly kind: "serving"; readonly asker: ReloadAsker; readonly candidate: Candidate; waits: Set<string> }
  | { readonly kind: "stopped" };

/** The machine. One reload at a time. */
export class Reload {
  #state: State = { kind: "idle" };
  /** A signal came during a reload: the file may have changed again since it was read. */
  #isWantedAgain = false;

  /** True from `prepare` until the newcomers are members like all others, or gone. */
  get isPreparing(): boolean {
    return this.#state.kind === "preparing" || this.#state.kind === "joining";
  }

  /** Takes one event. Those that come too late, or early, have no effect. */
  step(event: ReloadEvent): readonly ReloadEffect[] {
    switch (event.kind) {
      case "asked":
        return this.#asked(event.asker, event.check);
      case "loaded":
        return this.#loaded(event.candidate);
      case "refused":
        return this.#refused(event.problems);
      case "failed":
        return this.#failed(event.reason);
      case "ready":
        return this.#ready(event.name);
      case "joined":
        return this.#commit();
      case "told":
        return this.#confirmed("committing", event.name);
      case "served":
        return this.#confirmed("serving", event.name);
      case "late":
        return this.#late();
      case "stopping":
        return this.#stop();
    }
  }

  #asked(asker: ReloadAsker, check: boolean): readonly ReloadEffect[] {
    switch (this.#state.kind) {
      case "idle":
        this.#state = { kind: "loading", asker, check };
        return [{ kind: "load" }];
      case "stopped":
        return refuse(asker, "smtpd is stopping");
      default:
        if (asker !== null) return refuse(asker, "another reload is under way; try again in a moment");
        this.#isWantedAgain = true;
        return [];
    }
  }

  #loaded(candidate: Candidate): readonly ReloadEffect[] {
    if (this.#state.kind !== "loading") return [];
    const { asker, check } = this.#state;
    if (check) {
      const answer: ReloadAnswer = { kind: "ok", inForce: false, ...candidate.summary };
      return [{ kind: "answer", asker, answer }, ...this.#rest()];
    }
    this.#state = { kind: "preparing", asker, candidate, waits: new Set(candidate.newcomers) };
    return [{ kind: "wait", ms: prepareMaxMs }, { kind: "prepare" }];
  }

  #refused(problems: readonly ReloadProblem[]): readonly ReloadEffect[] {
    if (this.#state.kind !== "loading") return [];
    const { asker, check } = this.#state;
    const answer: ReloadAnswer = { kind: "refused", problems };
    const note: readonly ReloadEffect[] = check ? [] : [{ kind: "note", answer }];
    return [...note, { kind: "answer", asker, answer }, ...this.#rest()];
  }

  #failed(reason: string): readonly ReloadEffect[] {
    if (this.#state.kind !== "preparing" && this.#state.kind !== "joining") return [];
    const { asker } = this.#state;
    const answer: ReloadAnswer = { kind: "refused", problems: [reason] };
    return [
      { kind: "wait", ms: null },
      { kind: "discard" },
      { kind: "note", answer },
      { kind: "answer", asker, answer },
      ...this.#rest(),
    ];
  }

  #ready(name: string): readonly ReloadEffect[] {
    if (this.#state.kind !== "preparing") return [];
    const { asker, candidate, waits } = this.#state;
    if (!waits.delete(name) || waits.size > 0) return [];
    this.#state = { kind: "joining", asker, candidate };
    return [{ kind: "join" }];
  }

  #commit(): readonly ReloadEffect[] {
    if (this.#state.kind !== "joining") return [];
    const { asker, candidate } = this.#state;
    this.#state = { kind: "committing", asker, candidate, waits: new Set(candidate.told) };
    // One that is being started again confirms when it is there.
    return [{ kind: "wait", ms: commitMaxMs }, { kind: "commit" }, ...this.#serveWhenTold()];
  }

  #confirmed(phase: "committing" | "serving", name: string): readonly ReloadEffect[] {
    if (this.#state.kind !== phase) return [];
    this.#state.waits.delete(name);
    return this.#state.kind === "committing" ? this.#serveWhenTold() : this.#endWhenServing();
  }

  /** delivery and queue know of new actions before the first envelope with one can come. */
  #serveWhenTold(): readonly ReloadEffect[] {
    if (this.#state.kind !== "committing" || this.#state.waits.size > 0) return [];
    const { asker, candidate } = this.#state;
    this.#state = { kind: "serving", asker, candidate, waits: new Set(candidate.newcomers) };
    return [{ kind: "wait", ms: commitMaxMs }, { kind: "serve" }, ...this.#endWhenServing()];
  }

  #endWhenServing(): readonly ReloadEffect[] {
    if (this.#state.kind !== "serving" || this.#state.waits.size > 0) return [];
    const { asker, candidate } = this.#state;
    const answer: ReloadAnswer = { kind: "ok", inForce: true, ...candidate.summary };
    return [
      { kind: "wait", ms: null },
      { kind: "note", answer },
      { kind: "answer", asker, answer },
      ...this.#rest(),
    ];
  }

  #late(): readonly ReloadEffect[] {
    switch (this.#state.kind) {
      case "preparing": {
        const names = [...this.#state.waits].join(", ");
        return this.#failed(`${names} took more than ${prepareMaxMs / 1000} s to be ready`);
      }
      case "joining":
        return this.#failed(`the roles could not be connected within ${prepareMaxMs / 1000} s`);
      case "committing":
      case "serving":
        return [{ kind: "restart", names: [...this.#state.waits] }, { kind: "wait", ms: commitMaxMs }];
      default:
        return [];
    }
  }

  #stop(): readonly ReloadEffect[] {
    const state = this.#state;
    this.#state = { kind: "stopped" };
    if (state.kind === "idle" || state.kind === "stopped") return [];
    const discard: readonly ReloadEffect[] = state.kind === "preparing" || state.kind === "joining"
      ? [{ kind: "discard" }]
      : [];
    return [{ kind: "wait", ms: null }, ...discard, ...refuse(state.asker, "smtpd is stopping")];
  }

  /** What comes after a reload: the one that was asked for meanwhile. */
  #rest(): readonly ReloadEffect[] {
    this.#state = { kind: "idle" };
    if (!this.#isWantedAgain) return [];
    this.#isWantedAgain = false;
    return this.#asked(null, false);
  }
}

function refuse(asker: ReloadAsker, reason: string): readonly ReloadEffect[] {
  return [{ kind: "answer", asker, answer: { kind: "refused", problems: [reason] } }];
}
