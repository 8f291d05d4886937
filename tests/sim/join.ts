/** Places in the house, and how two of them are joined. */

import type { Delivery } from "../../lib/daemon/delivery.ts";
import type {
  DeliveryToLookup,
  DeliveryToQueue,
  LookupToDelivery,
  LookupToQueue,
  LookupToSmtpIn,
  QueueToDelivery,
  QueueToLookup,
  QueueToSmtpIn,
  SmtpInToLookup,
  SmtpInToQueue,
} from "../../lib/daemon/imsg.ts";
import type { Lookup } from "../../lib/daemon/lookup.ts";
import type { Queue } from "../../lib/daemon/queue.ts";
import type { SmtpIn } from "../../lib/daemon/smtp_in.ts";
import type { Place } from "../../lib/daemon/wiring.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import { channelPair, type FakeChannel } from "./channel.ts";
import type { CountingClock, Life } from "./life.ts";

/** A role that runs. */
export type Running =
  | { readonly role: "queue"; readonly it: Queue }
  | { readonly role: "lookup"; readonly it: Lookup }
  | { readonly role: "delivery"; readonly it: Delivery }
  | { readonly role: "smtp-in"; readonly it: SmtpIn };

/** One place in the house, which one life after the other takes. */
export interface Member extends Place {
  readonly name: string;
  readonly process: { readonly name: string; life: number };
  configuration: { readonly policy: Policy };
  /** Version of that. */
  configured: number;
  mayServe: boolean;
  life: Life | null;
  running: Running | null;
  isRetired: boolean;
}

/** Of two that are joined, the one that `House` looks at first. */
const order: readonly string[] = ["smtp-in", "lookup", "queue", "delivery"];

/** Joins two, when both run. Gives back queue's end of a channel to lookup. */
export function joinMembers(
  one: Member,
  other: Member,
  world: CountingClock,
): FakeChannel<QueueToLookup, LookupToQueue> | null {
  const [a, b] = [one, other].sort((x, y) => order.indexOf(x.role) - order.indexOf(y.role));
  const [x, y] = [a?.running, b?.running];
  if (a === undefined || b === undefined || !x || !y) return null;
  const pair = <Out, In>(): [FakeChannel<Out, In>, FakeChannel<In, Out>] => {
    const [near, far] = channelPair<Out, In>(world);
    a.life?.ends.push(near);
    b.life?.ends.push(far);
    return [near, far];
  };
  if (x.role === "smtp-in" && y.role === "lookup") {
    const [near, far] = pair<SmtpInToLookup, LookupToSmtpIn>();
    x.it.setLookup(near);
    y.it.addSmtpIn(a.name, far);
  }
  if (x.role === "smtp-in" && y.role === "queue") {
    const [near, far] = pair<SmtpInToQueue, QueueToSmtpIn>();
    x.it.setQueue(near);
    y.it.addSmtpIn(a.name, far);
  }
  if (x.role === "queue" && y.role === "delivery") {
    const [near, far] = pair<QueueToDelivery, DeliveryToQueue>();
    x.it.addDelivery(b.name, near);
    y.it.setQueue(far);
  }
  if (x.role === "lookup" && y.role === "delivery") {
    const [near, far] = pair<LookupToDelivery, DeliveryToLookup>();
    x.it.addDelivery(near);
    y.it.addLookup(a.name, far);
  }
  if (x.role !== "lookup" || y.role !== "queue") return null;
  const [near, far] = pair<LookupToQueue, QueueToLookup>();
  x.it.setQueue(near);
  y.it.addLookup(a.name, far);
  return far;
}
