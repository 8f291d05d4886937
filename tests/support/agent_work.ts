/** What the agents of tests are for. */

import type { AgentWork } from "../../lib/daemon/agent_work.ts";

type DeliverWork = Extract<AgentWork, { kind: "deliver" }>;

/** Maildirs below a directory. */
export function maildirWork(directory: string): DeliverWork {
  const owner = { user: "ann", home: "/home/ann", account: "ann", accountHome: "/home/ann" };
  return {
    kind: "deliver",
    target: { kind: "maildir", directory },
    wrapper: null,
    owner,
    subAddressDelimiter: "+",
  };
}
