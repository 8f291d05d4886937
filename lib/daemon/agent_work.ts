/** What an agent is made for, computed from the configuration alone: the supervisor fixes it at the agent's start, so
 * that delivery, which speaks with strangers, chooses no command and no file. */

import type { DialTarget } from "../port.ts";
import { checkCommand } from "../policy/command.ts";
import type { LocalExec } from "../policy/exec.ts";
import type { ForwardUser } from "../policy/forward.ts";
import { expandKnown } from "../policy/format.ts";
import { parseLmtpDestination } from "../policy/lmtp_destination.ts";
import { type LocalAction, mboxDirectory, type Policy } from "../policy/policy.ts";
import { agentDirectory } from "./agent_directory.ts";

/** Whose mail it is, and as whom it is delivered. */
export interface AgentOwner {
  /** Key of the userbase, in lower case. */
  readonly user: string;
  /** Absolute path of the user's home: `%{user.directory}`. */
  readonly home: string;
  /** Name of the account that the agent runs as. */
  readonly account: string;
  /** Absolute path of that account's home. */
  readonly accountHome: string;
}

/** Where an agent's messages end. */
export type AgentTarget =
  /** Maildirs below this directory. */
  | { readonly kind: "maildir"; readonly directory: string }
  /** One file in mbox form; with `dotLock` `path.lock` is taken too. */
  | { readonly kind: "file"; readonly path: string; readonly dotLock: boolean }
  /** A command with format specifiers. */
  | { readonly kind: "command"; readonly template: string }
  /** A mail store; `rcptTo` names the address to it instead of the user. */
  | { readonly kind: "lmtp"; readonly to: DialTarget; readonly rcptTo: boolean };

/** What an agent is to do. Plain data. */
export type AgentWork =
  | {
    readonly kind: "deliver";
    readonly target: AgentTarget;
    /** Text of the wrapper that the delivery goes through, with format specifiers; null for none. */
    readonly wrapper: string | null;
    /** Whose mail it is; for Maildirs without a wrapper: of one of those who share the agent. */
    readonly owner: AgentOwner;
    /** One character. */
    readonly subAddressDelimiter: string;
  }
  /** Reads one ~/.forward, says what it is, and ends. `uid` is who has to own it. */
  | { readonly kind: "forward"; readonly user: ForwardUser; readonly uid: number };

/** The work of an agent that delivers for `owner` under the action, or to what an alias or .forward names. A text says
 * why there is none. */
export function planAgent(
  policy: Policy,
  action: LocalAction,
  exec: LocalExec | null,
  owner: AgentOwner,
): Extract<AgentWork, { kind: "deliver" }> | string {
  const target = exec === null ? targetOf(action, owner) : execTarget(exec);
  if (typeof target === "string") return target;
  const wrapper = action.wrapper === null ? null : policy.mda.wrappers[action.wrapper];
  if (wrapper === undefined) return `there is no mda wrapper ${action.wrapper}`;
  // What a user's own command says wrong is his to learn; what the configuration says wrong keeps mail waiting.
  const wrong = exec === null && target.kind === "command" ? checkCommand(target.template) : null;
  const wrongWrapper = wrapper === null ? null : checkCommand(wrapper, "wrapper");
  if (wrong !== null || wrongWrapper !== null) return `the command: ${wrong ?? wrongWrapper}`;
  return { kind: "deliver", target, wrapper, owner, subAddressDelimiter: policy.smtp.subAddressDelimiter };
}

/** True when nothing but the directory and the account tells two agents of this work apart. */
export function isShared(work: Extract<AgentWork, { kind: "deliver" }>): boolean {
  return work.target.kind === "maildir" && work.wrapper === null;
}

function targetOf(action: LocalAction, owner: AgentOwner): AgentTarget | string {
  const { method } = action;
  switch (method.kind) {
    case "maildir": {
      const directory = agentDirectory(action, owner);
      return directory === null ? "the action's path has no fixed directory" : { kind: "maildir", directory };
    }
    case "mbox":
      if (!/^[^/\0]+$/.test(owner.user) || owner.user.startsWith(".")) return "the user's name is no name of a file";
      return { kind: "file", path: `${mboxDirectory}/${owner.user}`, dotLock: true };
    case "mda":
      return { kind: "command", template: method.command };
    case "lmtp": {
      const destination = expandKnown(method.destination, { username: owner.user, directory: owner.home });
      if (destination === null) return "the destination of lmtp depends on more than the user";
      const to = parseLmtpDestination(destination);
      return to === null ? `\`${destination}\` is no destination of lmtp` : { kind: "lmtp", to, rcptTo: method.rcptTo };
    }
    case "forward-only":
    case "expand-only":
      return `${method.kind} delivers nothing`;
  }
}

function execTarget({ kind, text }: LocalExec): AgentTarget | string {
  if (kind === "command") return { kind, template: text };
  const path = plainPath(text);
  if (path === null) return "the path is not absolute and plain";
  return kind === "file" ? { kind, path, dotLock: false } : { kind, directory: path };
}

/** Without repeated slashes; null when it has a `.` or `..`, or names the root or a directory. */
function plainPath(text: string): string | null {
  const segments = text.split("/").filter((one) => one !== "");
  const isPlain = text.startsWith("/") && segments.length > 0 && !segments.some((one) => one === "." || one === "..");
  return isPlain && !text.includes("\0") ? `/${segments.join("/")}` : null;
}
