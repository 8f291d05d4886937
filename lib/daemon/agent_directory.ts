/** Which directory an agent may write: as narrow as the configuration lets us know beforehand. */

import { dirname } from "@std/path";
import { type LocalAction, maildirDefault } from "../policy/policy.ts";
import { staticPrefix } from "../policy/format.ts";

/** Whose mail it is: the user's name and home directory as the userbase has them. */
export interface MailboxOwner {
  /** Key of the userbase, in lower case. */
  readonly user: string;
  /** Absolute path of the home directory. */
  readonly home: string;
}

/** The directory under which the action writes this owner's mail. Null when the action's path gives none.
 * An action with `user` runs many mailboxes under one account: there the home's parent directory is taken,
 * so that the mailboxes of a domain share an agent instead of each having a process. */
export function agentDirectory(action: LocalAction, owner: MailboxOwner): string | null {
  const template = (action.method.kind === "maildir" ? action.method.path : null) ?? maildirDefault;
  const shared = action.user !== null;
  const directory = staticPrefix(template, {
    directory: owner.home,
    ...(shared ? {} : { username: owner.user }),
  });
  if (directory === null || directory === "/") return null;
  const beginsAtHome = template.startsWith("~/") || template.startsWith("%{user.directory");
  if (!shared || !beginsAtHome) return directory;
  // A home just below the root has no parent that could be given away.
  const parent = dirname(owner.home);
  return parent === "/" ? directory : parent;
}
