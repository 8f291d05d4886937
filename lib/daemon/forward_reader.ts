/** Reads one ~/.forward with the rights of its owner, and says whether it may be believed. */

import { Buffer } from "node:buffer";
import { describeError, Fault } from "../fault.ts";
import {
  type ForwardFacts,
  type ForwardFile,
  forwardLengthMax,
  type ForwardProblem,
  judgeForward,
  judgeHome,
} from "../policy/forward.ts";
import type { Disk, DiskFile, DiskStat } from "../port.ts";

/** Reads `home/.forward`, which `uid` has to own. Never rejects with a Fault. */
export async function readForward(disk: Disk, home: string, uid: number): Promise<ForwardFile> {
  const path = `${home.replace(/\/+$/, "")}/.forward`;
  try {
    const directory = await disk.stat(home);
    if (directory === null) return { kind: "absent" };
    const ofHome = judgeHome(directory);
    if (ofHome !== null) return refused(ofHome, home);
    const named = await disk.stat(path);
    if (named === null) return { kind: "absent" };
    // A pipe would keep us waiting, and a link is not followed.
    if (named.kind !== "file") return refused("notRegular", path);
    const file = await disk.open(path, { read: true });
    try {
      return await readOpen(file, { path, named, directory, uid });
    } finally {
      file.close();
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.kind === "notFound") return { kind: "absent" };
    return refused(error.kind === "denied" ? "denied" : "unreadable", describeError(error));
  }
}

interface Place {
  readonly path: string;
  readonly named: DiskStat;
  readonly directory: ForwardFacts;
  readonly uid: number;
}

async function readOpen(file: DiskFile, { path, named, directory, uid }: Place): Promise<ForwardFile> {
  const stat = await file.stat();
  // Between the two looks the name may have become a link.
  if (stat.inode !== named.inode) return refused("notRegular", path);
  const problem = judgeForward(uid, stat, [directory]);
  if (problem !== null) return refused(problem, path);
  if (stat.size === 0) return { kind: "absent" };
  const into = new Uint8Array(forwardLengthMax);
  const length = file.readAt(0, into);
  if (length >= forwardLengthMax) return refused("tooLong", path);
  const text = Buffer.from(into.subarray(0, length)).toString("utf8");
  const isText = !text.includes("\ufffd") && !text.includes("\0");
  return isText ? { kind: "text", text } : refused("notText", path);
}

function refused(problem: ForwardProblem, detail: string): ForwardFile {
  return { kind: "refused", problem, detail };
}
