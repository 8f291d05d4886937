/** Why a recipient's mail goes where it goes: a question such as a client would ask, and the steps of the answer as a tree.
 * The steps are those that `expandRecipient` tells while it decides; nothing is decided here. Pure. */

import { literalOfAddress } from "../mail/domain.ts";
import { formatIp, parseIp } from "../mail/ip.ts";
import { type Domain, type ForwardPath, parseMailbox, type ReversePath } from "../mail/address.ts";
import type { Origin } from "./match.ts";
import type { Candidate } from "./expand.ts";
import type { Listener, Policy } from "./policy.ts";
import type { RuleTest, TracedElement, TraceEvent } from "./trace.ts";

/** What is asked: what would become of such mail? Null for what was not said. Plain data. */
export interface ExplainQuestion {
  /** The argument of MAIL FROM. */
  readonly sender: ReversePath;
  /** The argument of RCPT TO. */
  readonly rcpt: ForwardPath;
  /** Address of the client; null for this machine's submission socket. */
  readonly address: string | null;
  /** The client's name in the DNS. Null: it is looked up where a rule asks for it. */
  readonly hostname: string | null;
  /** What the client says with EHLO. */
  readonly helo: string | null;
  /** Who has authenticated. */
  readonly username: string | null;
  /** The session runs over TLS. */
  readonly tls: boolean;
  /** Tag of the listener. */
  readonly tag: string | null;
  /** A listener to take the tag from: its address, with or without port, its interface or its tag. */
  readonly listener: string | null;
}

/** Steps kept of one explanation: more than the longest expansion of a sane configuration takes. */
export const explainEventsMax = 10_000;

/** Stands in a question for the domain of a recipient that was named without one: it is that of the listener, as for
 * RCPT. No address can have it. */
export const ownDomain = "" as Domain;

/** Makes the recipient that the question is about. Null stands for a listener that does not exist: `unknown` names those
 * that do. */
export function candidateOf(
  question: ExplainQuestion,
  policy: Pick<Policy, "listeners" | "serverName">,
): { readonly kind: "candidate"; readonly candidate: Candidate; readonly filter: AskedFilter } | {
  readonly kind: "unknown";
  readonly known: readonly string[];
} {
  const { sender, rcpt, address, listener: wanted } = question;
  const isLocal = address === null;
  const listener = wanted === null
    ? policy.listeners.find((one) => (one.kind === "socket") === isLocal)
    : policy.listeners.find((one) => namesOf(one).includes(wanted));
  if (wanted !== null && listener === undefined) {
    return { kind: "unknown", known: policy.listeners.map((one) => namesOf(one)[0] ?? "") };
  }
  const smtpName = listener?.hostname ?? policy.serverName;
  const origin: Origin = {
    address: address ?? "local",
    hostname: question.hostname ?? (isLocal ? policy.serverName : "<unknown>"),
    helo: question.helo ?? (isLocal ? "localhost" : literalOfAddress(address) ?? ""),
    smtpName,
    tag: question.tag ?? (wanted === null && !isLocal ? "" : listener?.tag ?? ""),
    username: question.username ?? "",
    tls: question.tls,
  };
  const served = wanted === null && !isLocal
    ? policy.listeners.filter((one) => one.kind === "inet")
    : policy.listeners.filter((one) => one === listener);
  const domain = rcpt.domain === ownDomain ? smtpName : rcpt.domain;
  const candidate = { origin, sender, rcpt: { ...rcpt, domain } };
  return { kind: "candidate", candidate, filter: filterOf(served) };
}

/** The filter that has a say. */
export type AskedFilter =
  | { readonly kind: "none" }
  | { readonly kind: "named"; readonly name: string }
  /** Listeners differ, and the question names none. */
  | { readonly kind: "unclear" };

function filterOf(listeners: readonly Listener[]): AskedFilter {
  const [name = null, ...others] = new Set(listeners.map(({ filter }) => filter));
  if (others.length > 0) return { kind: "unclear" };
  return name === null ? { kind: "none" } : { kind: "named", name };
}

/** What a listener may be called; the most exact first. */
function namesOf(listener: Listener): readonly string[] {
  if (listener.kind === "socket") return ["socket"];
  if (listener.kind === "lmtp") return [listener.path, ...(listener.tag === "" ? [] : [listener.tag])];
  const { address, port, on, tag } = listener;
  const host = address.includes(":") ? `[${address}]` : address;
  return [`${host}:${port}`, host, address, on, `${on}:${port}`, ...(tag === "" ? [] : [tag])];
}

/** Reads the address of a client as rules see it: `192.0.2.1`, `[2001:db8::1]`. Null for anything else. */
export function parseClientAddress(text: string): string | null {
  const ip = parseIp(text);
  if (ip === null) return null;
  return ip.version === 4 ? formatIp(ip) : `[${formatIp(ip)}]`;
}

/** Reads a sender: `user@domain`, with or without angle brackets; empty and `<>` are the null path. Undefined for
 * anything else. */
export function parseSenderText(text: string): ReversePath | undefined {
  const bare = text.replace(/^<(.*)>$/s, "$1");
  return bare === "" ? null : parseMailbox(bare, null) ?? undefined;
}

/** An element of the expansion, with what was told of it and the elements that came out of it. */
export interface ExplainedElement {
  /** Counts from 0, the recipient. */
  readonly node: number;
  /** What it is. */
  readonly element: TracedElement;
  /** The address, name, path or command. */
  readonly text: string;
  /** In order. */
  readonly steps: readonly Exclude<TraceEvent, { readonly kind: "node" }>[];
  /** In order. */
  readonly children: readonly ExplainedElement[];
}

/** Puts the steps of one expansion together. Null when there are none. */
export function treeOf(events: readonly TraceEvent[]): ExplainedElement | null {
  const elements = new Map<number, GrowingElement>();
  let root: GrowingElement | null = null;
  for (const event of events) {
    if (event.kind !== "node") {
      elements.get(event.node)?.steps.push(event);
      continue;
    }
    const { node, element, text, parent } = event;
    const made: GrowingElement = { node, element, text, steps: [], children: [] };
    elements.set(node, made);
    if (parent === null) root = made;
    else elements.get(parent)?.children.push(made);
  }
  // One that is dropped is told of as soon as it is found, the others when their turn comes.
  for (const { children } of elements.values()) children.sort((a, b) => a.node - b.node);
  return root;
}

interface GrowingElement extends ExplainedElement {
  readonly steps: Exclude<TraceEvent, { readonly kind: "node" }>[];
  readonly children: GrowingElement[];
}

/** Takes steps until there are `max` of them. */
export function traceKeeper(max: number = explainEventsMax): {
  readonly events: TraceEvent[];
  readonly tell: (event: TraceEvent) => void;
} {
  const events: TraceEvent[] = [];
  return {
    events,
    tell(event) {
      if (events.length < max) events.push(event);
      else if (events.length === max) {
        events.push({ kind: "note", node: 0, text: `more than ${max} steps: the rest is left out` });
      }
    },
  };
}

/** What a test found, for people: `the recipient's domain is far.test`. */
export function describeTest({ option, subject }: RuleTest): string {
  const words = option.replace(/^!/, "").split(" ");
  switch (words[0]) {
    case "fcrdns":
    case "rdns":
      return subject === "<unknown>" ? "the client has no name" : `the client is ${subject}`;
    case "src":
      return subject === "local" ? "the mail comes from here" : `the client's address is ${subject}`;
    case "tag":
      return subject === "" ? "the listener has no tag" : `the listener has the tag ${subject}`;
    case "from":
      if (subject === "local" || subject === "an expanded address") return "the mail comes from here";
      return words[1] === "rdns" ? `the client is ${subject}` : `the client's address is ${subject}`;
    case "for":
      return `the domain is ${subject}`;
    case "helo":
      return `the client says ${subject}`;
    case "auth":
      return subject === "" || subject === "nobody" ? "nobody has authenticated" : `the client is ${subject}`;
    case "tls":
      return subject === "TLS" ? "the session is encrypted" : "the session is in clear text";
    case "mail-from":
      return subject === "@" || subject === "" ? "the sender is <>" : `the sender is ${subject}`;
    default:
      return `the recipient is ${subject}`;
  }
}

/** What an administrator may have overlooked where a recipient is refused: traps that many a configuration falls into. */
export function hintsOf(events: readonly TraceEvent[]): readonly string[] {
  const refusal = events.findLast((event) => event.kind === "refused");
  if (refusal === undefined) return [];
  const rules = events.filter((event) => event.kind === "rule").filter(({ node }) => node === refusal.node);
  if (rules.length === 0 || rules.some(({ verdict }) => verdict !== "no")) return [];
  if (refusal.node > 0) {
    return [
      "An address that comes out of an alias or a .forward counts as mail from this machine. " +
      "To let it leave: match from local for any action NAME, with an action that relays.",
    ];
  }
  // A rule for every domain is for relaying: to open it to everybody is what nobody wants.
  const closed = rules.filter(({ text, tests }) =>
    tests.at(-1)?.option === "from local" && / for (?:local|domain) /.test(text)
  );
  if (closed.length === 0) return [];
  const lines = closed.map(({ place }) => String(place.line)).join(", ");
  const which = closed.length === 1 ? `The rule on line ${lines} is` : `The rules on lines ${lines} are`;
  return [
    `${which} for mail from this machine alone. To take mail from everywhere for the domains named there, add \`from any\`.`,
  ];
}
