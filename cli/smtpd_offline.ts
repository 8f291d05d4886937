/** Mail that sendmail left while the daemon was down: handed in by sendmail itself, as the file's owner. */

import { spawn } from "node:child_process";
import { join } from "@std/path";
import type { Log } from "../lib/event_log.ts";
import { denoFlags } from "../lib/daemon/grant_flags.ts";
import { offlineGrant } from "../lib/daemon/privilege.ts";
import { launchCommand } from "../lib/host/launch.ts";
import type { Start } from "./smtpd_premises.ts";

/** Messages handed in at once. OpenSMTPD's number. */
const parallel = 5;

/** Looks through the offline directory and hands in what is there. A message that fails is kept for the next start. */
export async function takeOffline(start: Start, log: Log): Promise<void> {
  const directory = join(start.premises.state, "offline");
  const files = findMessages(directory);
  const next = async (): Promise<void> => {
    for (let file = files.pop(); file !== undefined; file = files.pop()) {
      const status = await handIn(start, file);
      log({
        priority: status === 0 ? "info" : "warning",
        session: "",
        from: "smtpd",
        what: status === 0 ? "offline-submitted" : "offline-kept",
        fields: { file: file.path, uid: file.uid },
      });
    }
  };
  await Promise.all(Array.from({ length: parallel }, next));
}

interface OfflineFile {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
}

function findMessages(directory: string): OfflineFile[] {
  const files: OfflineFile[] = [];
  for (const { name, isFile } of Deno.readDirSync(directory)) {
    // A name that begins with a dot is still being written.
    if (!isFile || name.startsWith(".")) continue;
    const path = join(directory, name);
    const { uid, gid, nlink, size } = Deno.lstatSync(path);
    // sendmail did not get to its first line: nothing was promised to anybody.
    if (size === 0) {
      Deno.removeSync(path);
      continue;
    }
    // A second name would let somebody have another's file sent.
    if (nlink === 1 && uid !== null && gid !== null) files.push({ path, uid, gid });
  }
  return files.sort((a, b) => b.path.localeCompare(a.path));
}

function handIn(start: Start, file: OfflineFile): Promise<number> {
  const { accounts, state } = start.premises;
  const account = accounts === null ? null : { name: String(file.uid), uid: file.uid, gid: file.gid };
  const grant = offlineGrant(account, file.path, start.submitSocket);
  const { argv, env } = launchCommand({
    flags: denoFlags(grant),
    account: account === null ? null : { ...account, groups: false },
    module: import.meta.resolve("./sendmail.ts"),
    args: ["--state", state, "--offline", file.path],
  });
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { env, stdio: ["ignore", "ignore", "inherit"] });
  return new Promise((resolve) => {
    child.on("exit", (code) => resolve(code ?? 1));
    child.on("error", () => resolve(1));
  });
}
