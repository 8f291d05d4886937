/** Filters, where lookup answers for them: asks the tables and the DNS, and logs what was decided. */

import type { Log } from "../event_log.ts";
import { type FilterStep, type FilterTables, runFilters } from "../policy/filter_run.ts";
import type { FilterDecision } from "../policy/filter.ts";
import type { Policy } from "../policy/policy.ts";
import { printDecision } from "../policy/print_filter.ts";
import type { TraceSubject } from "../policy/trace.ts";
import { describeReply } from "../smtp/reply.ts";
import type { FilterVerdict } from "../smtp/session_face.ts";
import type { Asked } from "./session_desk.ts";

/** What the desk works with. */
export interface FilterDeskPorts {
  /** Its listeners name the filters. */
  readonly policy: Policy;
  /** Where filters look things up. */
  readonly tables: FilterTables;
  /** For decisions, and for tables that cannot answer. */
  readonly log: Log;
  /** What `smtpctl trace` has switched on. */
  readonly traced: () => ReadonlySet<TraceSubject>;
}

/** Answers what filters say. */
export class FilterDesk {
  readonly #ports: FilterDeskPorts;
  /** Filters whose table could not answer when they were last tried: that is said once. */
  readonly #failing = new Set<string>();

  /** Asks nobody before the first question. */
  constructor(ports: FilterDeskPorts) {
    this.#ports = ports;
  }

  /** What the filters of the session's listener say. */
  async answer({ session, listener, address, ask }: Asked<"filter">): Promise<FilterVerdict> {
    const { policy, tables } = this.#ports;
    const name = policy.listeners[listener]?.filter ?? null;
    if (name === null) return { kind: "proceed" };
    const { phase, facts } = ask;
    const steps: FilterStep[] = [];
    const verdict = await runFilters(policy, name, { phase, facts, address }, tables, (step) => steps.push(step));
    for (const step of steps) this.#tell(session, phase, step, verdict);
    return verdict;
  }

  #tell(session: string, phase: string, step: FilterStep, verdict: FilterVerdict): void {
    const { log, traced } = this.#ports;
    const { filter, option, subject, holds, failure, decision } = step;
    if (traced().has("filters")) {
      const fields = {
        phase,
        filter,
        test: option,
        subject,
        result: holds ?? "failed",
        decision: printDecision(decision),
      };
      log({ priority: "info", session, from: "smtp", what: "trace-filters", fields });
    }
    if (holds === null) {
      if (!this.#failing.has(filter)) {
        log({ priority: "warning", session, from: "smtp", what: "filter-failed", fields: { filter, reason: failure } });
      }
      this.#failing.add(filter);
      return;
    }
    this.#failing.delete(filter);
    if (!holds) return;
    // A refusal with 421 ends the session.
    const done = "reply" in verdict && decision.kind === "reject" ? verdict.kind : decision.kind;
    const fields = { phase, filter, decision: done, subject, ...detailOf(decision, verdict) };
    log({ priority: "info", session, from: "smtp", what: "filter", fields });
  }
}

function detailOf(decision: FilterDecision, verdict: FilterVerdict): Readonly<Record<string, string>> {
  if (decision.kind === "report") return { message: decision.text };
  if ("reply" in verdict) return { result: describeReply(verdict.reply) };
  return decision.kind === "rewrite" ? { value: decision.value } : {};
}
