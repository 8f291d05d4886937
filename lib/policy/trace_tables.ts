/** Tables that tell of each look-up: wrapped around the real ones, so that none is forgotten. */

import { describeError, Fault } from "../fault.ts";
import type { Service, Table } from "../table/table.ts";
import type { TraceEvent, Tracer } from "./trace.ts";

type Answer = Extract<TraceEvent, { kind: "lookup" }>["answer"];

/** The same table; what it is asked on behalf of element `node` is told. A Fault is told as well, and passed on. */
export function tellingTable(table: Table, node: number, tell: NonNullable<Tracer>): Table {
  const told = async <T>(service: Service, key: string, ask: Promise<T>, read: (value: T) => Answer): Promise<T> => {
    const say = (answer: Answer) => tell({ kind: "lookup", node, table: table.name, service, key, answer });
    try {
      const value = await ask;
      say(read(value));
      return value;
    } catch (error) {
      if (error instanceof Fault) say({ kind: "failed", reason: describeError(error) });
      throw error;
    }
  };
  const found = (value: string | null): Answer => value === null ? { kind: "absent" } : { kind: "found", value };
  return {
    name: table.name,
    get shape() {
      return table.shape;
    },
    check: (service, key) =>
      told(service, key, table.check(service, key), (is) => is ? { kind: "found", value: null } : { kind: "absent" }),
    lookup: (service, key) => told(service, key, table.lookup(service, key), found),
    fetch: (service) => told(service, "", table.fetch(service), found),
    update: () => table.update(),
    close: () => table.close(),
  };
}
