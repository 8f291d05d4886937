/** One connection of a pool, and the message that it carries. */

import type { ClientMessage } from "../smtp/client.ts";
import type { ClientHandling } from "../smtp/client_command.ts";
import type { ReversePath } from "../mail/address.ts";
import type { Timer } from "../port.ts";
import type { Handling } from "../smtp/handling.ts";
import type { RouteHost } from "./mx.ts";
import type { RouteState } from "./route.ts";
import type { RelayTask, TaskRecipient } from "./task.ts";
import type { ClientConnection } from "./transport.ts";

/** One transaction's worth of a task. */
export interface Job {
  /** What it is part of. */
  readonly task: RelayTask;
  /** Its share of the task's recipients; at least one. */
  readonly recipients: readonly TaskRecipient[];
  /** With which it was sent last, or will be. */
  sender: ReversePath;
  /** It met a connection that had died in the meantime, and has been given another. */
  retried: boolean;
}

/** One connection of the pool. */
export interface Link {
  /** Names it in the log. */
  readonly session: string;
  /** Where it goes. */
  readonly host: RouteHost;
  /** To which of the host's addresses. */
  readonly address: string;
  /** What is known of that. */
  readonly route: RouteState;
  /** Null while it is being dialled. */
  connection: ClientConnection | null;
  /** `idle` takes a message. */
  state: "opening" | "idle" | "busy" | "closed";
  /** The message in hand. */
  job: Job | null;
  /** Messages done. */
  served: number;
  /** Gives it up for want of work. */
  keepalive: Timer | null;
}

/** What the connection is given of a job; `now` in ms since the epoch. */
export function messageOf({ task, recipients, sender }: Job, now: number): ClientMessage {
  return {
    sender,
    recipients: recipients.map(({ dest, notify, originalRecipient }) => ({ path: dest, notify, originalRecipient })),
    size: task.size,
    eightBit: task.eightBit,
    ret: task.ret,
    envId: task.envId,
    handling: clientHandling(task.handling, now),
  };
}

function clientHandling({ smtpUtf8, priority, deliverBy }: Handling, now: number): ClientHandling {
  const by = deliverBy === null
    ? null
    : { seconds: Math.floor((deliverBy.at - now) / 1000), mode: deliverBy.mode, trace: deliverBy.trace };
  return { utf8Header: smtpUtf8, priority, by };
}

/** `mx.test [192.0.2.1]:25`. */
export function nameOf(link: Link): string {
  return `${link.host.name} [${link.address}]:${link.route.key.slice(link.route.key.lastIndexOf(":") + 1)}`;
}

/** `192.0.2.1 (mx.test)`. */
export function relayText(link: Link): string {
  return link.host.name === link.address ? link.address : `${link.address} (${link.host.name})`;
}
