/** Local delivery, planned: what is to be written where, for one envelope. Pure; maildir.ts writes. */

import { scrub } from "../event_log.ts";
import type { Mailbox, ReversePath } from "../mail/address.ts";
import { formatDeliveredTo, formatReturnPath } from "../mail/trace.ts";
import { checkFormat, expandPieces, type FormatValues, staticPrefix } from "../policy/format.ts";
import { type LocalAction, maildirDefault } from "../policy/policy.ts";
import type { Envelope } from "../spool/envelope.ts";
import { folderOf, type MaildirRequest } from "./maildir.ts";
import { misconfigured, type Outcome } from "./outcome.ts";

/** The recipient's entry in the userbase. */
export interface MailUser {
  /** Key of the entry. */
  readonly name: string;
  /** User id. */
  readonly uid: number;
  /** Primary group id. */
  readonly gid: number;
  /** Absolute path. */
  readonly home: string;
}

/** What to write, or why nothing can be. */
export type MaildirPlan =
  | { readonly kind: "write"; readonly request: MaildirRequest }
  | { readonly kind: "refuse"; readonly outcome: Outcome };

/** Plans one delivery into a Maildir. Refused for good are envelopes whose addresses make a path with a `.` or `..`, with a
 * segment that came out empty, or a range outside its value. A template or a home that is wrong for all envelopes
 * delays: somebody can put it right. */
export function planMaildir(
  envelope: Envelope,
  action: LocalAction,
  user: MailUser,
  subAddressDelimiter: string,
): MaildirPlan {
  const template = (action.method.kind === "maildir" ? action.method.path : null) ?? maildirDefault;
  if (staticPrefix(template, { username: user.name, directory: user.home }) === null) {
    return { kind: "refuse", outcome: misconfigured(whyNoPrefix(template, action, user)) };
  }
  const path = maildirPath(template, {
    sender: withoutSlash(envelope.sender),
    rcpt: withoutSlash(envelope.rcpt),
    dest: withoutSlash(envelope.dest),
    username: user.name,
    directory: user.home,
    subAddressDelimiter,
  });
  if (path.kind === "error") return refuse("5.2.0", `Maildir path of action "${action.name}": ${path.message}`);
  return {
    kind: "write",
    request: {
      maildir: path.text,
      subAddress: folderOf(envelope.local?.subAddress ?? "")?.slice(1) ?? "",
      junk: action.method.kind === "maildir" && action.method.junk,
      prefix: deliveryFields(envelope),
    },
  };
}

/** The fields that final delivery adds. Delivered-To is what the scan for loops looks for when the message comes back. */
export function deliveryFields(envelope: Pick<Envelope, "sender" | "rcpt">): string {
  return formatReturnPath(envelope.sender) + formatDeliveredTo(envelope.rcpt);
}

/** How many deliveries run at once. */
export interface MdaLimitValues {
  /** Of all users together. */
  readonly sessions: number;
  /** Of one user. */
  readonly perUser: number;
}

/** OpenSMTPD's limits: 50 deliveries, 7 of them for one user. */
export const mdaLimits: MdaLimitValues = { sessions: 50, perUser: 7 };

/** Counts deliveries that run, and says whether one more may. */
export class MdaLimits {
  readonly #limits: MdaLimitValues;
  readonly #users = new Map<string, number>();
  #running = 0;

  /** Begins with none that run. */
  constructor(limits: MdaLimitValues = mdaLimits) {
    this.#limits = limits;
  }

  /** Deliveries that run. */
  get running(): number {
    return this.#running;
  }

  /** Users with a delivery that runs. */
  get users(): number {
    return this.#users.size;
  }

  /** Counts one in for `user` when there is room: each true is to be followed by one `leave`. */
  enter(user: string): boolean {
    const count = this.#users.get(user) ?? 0;
    if (this.#running >= this.#limits.sessions || count >= this.#limits.perUser) return false;
    this.#users.set(user, count + 1);
    this.#running++;
    return true;
  }

  /** One delivery for `user` has ended. */
  leave(user: string): void {
    const count = this.#users.get(user) ?? 0;
    if (count === 0) return;
    if (count === 1) this.#users.delete(user);
    else this.#users.set(user, count - 1);
    this.#running--;
  }
}

function refuse(enhanced: string, text: string): MaildirPlan {
  return { kind: "refuse", outcome: { kind: "failed", enhanced, text: scrub(text), by: "" } };
}

function whyNoPrefix(template: string, action: LocalAction, user: MailUser): string {
  const wrong = checkFormat(template);
  if (wrong !== null) return `Maildir path of action "${action.name}": ${wrong}`;
  return `Maildir path of action "${action.name}" is not absolute and plain for user ${user.name}, home "${user.home}"`;
}

/** Expands, checks and normalises the path. An address must not lead out of the directories that the template names:
 * neither by `..` nor by leaving a segment empty, which would make its parent the Maildir. */
function maildirPath(
  template: string,
  values: FormatValues,
): { readonly kind: "ok"; readonly text: string } | { readonly kind: "error"; readonly message: string } {
  const expanded = expandPieces(template, values);
  if (expanded.kind === "error") return expanded;
  // NUL stands for "came out empty": nothing else can contain one.
  const marked = expanded.pieces.map(({ literal, text }) => {
    const clean = text.replaceAll("\0", "");
    return literal || clean !== "" ? clean : "\0";
  }).join("");
  const segments: string[] = [];
  for (const segment of marked.split("/")) {
    const text = segment.replaceAll("\0", "");
    if (text === "" && segment !== "") return { kind: "error", message: "a part of it is empty" };
    if (text === "." || text === "..") return { kind: "error", message: `it contains "${text}"` };
    if (text !== "") segments.push(text);
  }
  if (segments.length === 0) return { kind: "error", message: "it is the root directory" };
  return { kind: "ok", text: "/" + segments.join("/") };
}

/** A slash is legal in a local part, and must not become one in a path: `bob/x@a.test` is no business of `bob`'s. */
function withoutSlash<P extends ReversePath>(path: P): P {
  // deno-lint-ignore no-control-regex -- quoted local parts can hold any of them
  const clean = (mailbox: Mailbox) => mailbox.localPart.replace(/[/\u0000-\u001f\u007f]/g, ":");
  return path === null ? path : { ...path, localPart: clean(path) };
}
