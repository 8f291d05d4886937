/** A user's ~/.forward: whether it may be believed, and what reading it can come to. Pure; the agent that reads it runs
 * as the user (daemon/forward_reader.ts). */

/** What reading a ~/.forward came to. Plain data: it travels between roles. */
export type ForwardFile =
  /** There is none, or it is empty. */
  | { readonly kind: "absent" }
  /** Its text, shorter than `forwardLengthMax` octets. */
  | { readonly kind: "text"; readonly text: string }
  /** It is there and is not followed. `detail` names the path; for the log. */
  | { readonly kind: "refused"; readonly problem: ForwardProblem; readonly detail: string };

/** A file of this length or longer is refused for now, octets. */
export const forwardLengthMax = 4096;

/** Most elements of one .forward. */
export const forwardElementsMax = 100;

/** Why a .forward is not followed: whether for good, and what to tell the administrator. */
export const forwardProblems = {
  homeNotDirectory: { permanent: true, text: "the home is no directory" },
  /** A sticky home is the custom of users who are changing their mail set-up (qmail's, and OpenSMTPD's). */
  homeSticky: { permanent: false, text: "the home directory is sticky: its owner is changing something" },
  notRegular: { permanent: true, text: "it is not a regular file; links are not followed" },
  wrongOwner: { permanent: true, text: "it belongs to somebody else" },
  writableByOthers: { permanent: true, text: "others may write it; run chmod go-w" },
  directoryOwner: { permanent: true, text: "its directory belongs to neither the user nor root" },
  directoryWritable: { permanent: true, text: "others may write its directory; run chmod go-w on it" },
  tooLong: { permanent: false, text: `it is ${forwardLengthMax} octets or longer` },
  notText: { permanent: false, text: "it is not UTF-8 text" },
  denied: { permanent: true, text: "its owner may not read it" },
  unreadable: { permanent: false, text: "it cannot be read now" },
  busy: { permanent: false, text: "too many .forward files are being read" },
  noReader: { permanent: false, text: "the process that reads it failed" },
} as const;

/** Names of `forwardProblems`. */
export type ForwardProblem = keyof typeof forwardProblems;

/** True for one of those names. */
export function isForwardProblem(value: unknown): value is ForwardProblem {
  return typeof value === "string" && Object.hasOwn(forwardProblems, value);
}

/** Whose .forward it is: the user's entry in the userbase. */
export interface ForwardUser {
  /** Key of the userbase. */
  readonly name: string;
  /** User id. */
  readonly uid: number;
  /** Primary group id. */
  readonly gid: number;
  /** Absolute path. */
  readonly home: string;
}

/** What is known of a file or directory; members as in `DiskStat`. */
export interface ForwardFacts {
  /** What it is. */
  readonly kind: "file" | "directory" | "symlink" | "other";
  /** Permission bits, such as 0o600. */
  readonly mode: number;
  /** Owner. */
  readonly uid: number;
  /** Octets. */
  readonly size: number;
}

/** Judges the home directory of a user; null when it is fine. It is looked at before the file: a home that is not to be
 * used says nothing about what is in it. One that is missing holds no .forward: virtual users often have none. */
export function judgeHome(home: ForwardFacts): ForwardProblem | null {
  if (home.kind !== "directory") return "homeNotDirectory";
  return (home.mode & 0o1000) !== 0 ? "homeSticky" : null;
}

/** Judges an open .forward of the user `uid`, and the directories that it lies in; null when it may be believed. */
export function judgeForward(
  uid: number,
  file: ForwardFacts,
  directories: readonly ForwardFacts[],
): ForwardProblem | null {
  if (file.kind !== "file") return "notRegular";
  if (file.uid !== uid) return "wrongOwner";
  if ((file.mode & 0o022) !== 0) return "writableByOthers";
  for (const { uid: owner, mode } of directories) {
    if (owner !== uid && owner !== 0) return "directoryOwner";
    if ((mode & 0o022) !== 0) return "directoryWritable";
  }
  return file.size >= forwardLengthMax ? "tooLong" : null;
}
