/** A child of the tests: does what its parent says, and answers. */

import { wrapListener, wrapSocket } from "../../lib/host/net.ts";
import { holdsRight } from "../../lib/host/permission.ts";
import type { Right } from "../../lib/port.ts";
import { endProcess, ignoreSignals, parentProcess } from "../../lib/host/parent.ts";
import type { Stream } from "../../lib/port.ts";

/** What the child is told. */
export type ToChild =
  /** Sends back what comes on each connection to the listening socket that is handed over with it. */
  | { readonly kind: "serve" }
  /** Sends back what comes on the socket that is handed over with it. */
  | { readonly kind: "echo" }
  | { readonly kind: "rights"; readonly rights: readonly Right[] }
  | { readonly kind: "end"; readonly status: number };

/** What it answers. */
export type FromChild = { readonly kind: "done" } | { readonly kind: "rights"; readonly held: readonly boolean[] };

const parent = parentProcess();
if (parent !== null) {
  ignoreSignals();
  parent.onLost(() => endProcess(9));
  parent.onMessage((message, handle) => parent.send(obey(message as ToChild, handle)));
}

function obey(told: ToChild, handle: unknown): FromChild {
  switch (told.kind) {
    case "serve":
      wrapListener(handle)?.accept(echo);
      return { kind: "done" };
    case "echo": {
      const stream = wrapSocket(handle);
      if (stream !== null) echo(stream);
      return { kind: "done" };
    }
    case "rights":
      return { kind: "rights", held: told.rights.map(holdsRight) };
    case "end":
      return endProcess(told.status);
  }
}

function echo(stream: Stream): void {
  const end = () => stream.end();
  stream.attach({ data: (bytes) => void stream.write(bytes), drain: () => {}, end, close: () => {} });
}
