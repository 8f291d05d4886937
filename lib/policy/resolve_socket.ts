/** `listen on socket` lines: the submission socket, and unix sockets for LMTP. */

import type { ListenDirective, ListenOption, Word } from "./ast.ts";
import { placeOf } from "./error.ts";
import { type SocketAccess, socketMode, socketPathLengthMax } from "./listener.ts";
import type { ListenerOptions } from "./policy.ts";
import { fail, type Scope } from "./scope.ts";

/** Adds the listener of a `listen on socket` line. */
export function resolveSocket(scope: Scope, directive: ListenDirective, options: ListenerOptions): void {
  const path = directive.options.find((option) => option.kind === "path")?.path ?? null;
  const place = placeOf(directive.span);
  if (path !== null) {
    if (!isGoodPath(scope, directive, path)) return;
    const access = readAccess(scope, directive.options);
    if (access !== null) scope.listeners.push({ ...options, kind: "lmtp", path: path.text, access, place });
    return;
  }
  if (scope.listeners.some((one) => one.kind === "socket")) {
    fail(scope, directive.span, "socket listener already configured");
    return;
  }
  scope.listeners.push({ ...options, kind: "socket", place });
}

function isGoodPath(scope: Scope, { options }: ListenDirective, { text, span }: Word): boolean {
  const taken = scope.listeners.find((one) => one.kind === "lmtp" && one.path === text);
  if (!text.startsWith("/")) fail(scope, span, `invalid path of a socket: ${text}`, "write an absolute path");
  else if (new TextEncoder().encode(text).length > socketPathLengthMax) {
    fail(scope, span, "the path of the socket is too long", `at most ${socketPathLengthMax} octets`);
  } else if (text.includes(",")) {
    fail(scope, span, "the path of a socket must not hold a comma", "permissions cannot name such a path");
  } else if (!options.some(({ kind }) => kind === "lmtp")) {
    const hint = `add \`lmtp\`: what \`sendmail\` talks to is \`listen on socket\` without a path`;
    fail(scope, span, "a socket with a path speaks LMTP only", hint);
  } else if (taken?.kind === "lmtp") {
    fail(scope, span, `the socket ${text} is listened on twice`, `the first time on line ${taken.place.line}`);
  } else return true;
  return false;
}

function readAccess(scope: Scope, options: readonly ListenOption[]): SocketAccess | null {
  let access: SocketAccess = { mode: socketMode, user: null, group: null };
  for (const option of options) {
    if (option.kind !== "mode" && option.kind !== "user" && option.kind !== "group") continue;
    const { text, span } = option.word;
    if (option.kind !== "mode") {
      access = { ...access, [option.kind]: text };
      continue;
    }
    if (!/^0?[0-7]{3}$/.test(text)) return fail(scope, span, `invalid permissions: ${text}`, "write them as 0660");
    access = { ...access, mode: parseInt(text, 8) };
  }
  return access;
}
