/** This project's smtpd as one of the servers to measure, started as `deno task smtpd` starts it. */

import { join } from "@std/path";
import { Daemon, freePort } from "../tests/e2e/daemon.ts";
import { root, runTask, taskArgs } from "../tests/support/command.ts";
import type { Run } from "./measure.ts";
import { makeCertificate } from "./secure.ts";
import type { Kind, Server } from "./server.ts";

/** Postern, all roles under the caller's uid. */
export const postern: Kind = {
  name: "Postern",
  start: async (scratch, sinkPort) => {
    const port = freePort();
    const conf = join(scratch, "smtpd.conf");
    const state = join(scratch, "state");
    const home = join(scratch, "home");
    await Deno.mkdir(home);
    await Deno.writeTextFile(conf, configuration(port, sinkPort, home));
    return serve(new Daemon(conf, state), state, port, join(home, "Maildir"));
  },
  startSecure: async (scratch) => {
    const port = freePort();
    const conf = join(scratch, "smtpd.conf");
    const state = join(scratch, "state");
    const home = join(scratch, "home");
    await Deno.mkdir(home);
    const { cert, key } = await makeCertificate(scratch);
    await Deno.writeTextFile(conf, secureConfiguration(port, home, cert, key));
    return serve(new Daemon(conf, state), state, port, join(home, "Maildir"));
  },
  makemap: (scratch, source) =>
    Promise.resolve(command("makemap", ["-t", "aliases", "-o", join(scratch, "aliases.db"), source])),
  tables: async (scratch) => await (await import("./tables.ts")).measureOurTables(scratch),
};

/** One of our commands, as its task runs it. */
export function command(task: string, args: readonly string[]): Run {
  return { program: Deno.execPath(), args: [...taskArgs(task), ...args], env: { NO_COLOR: "1" }, cwd: root };
}

function serve(daemon: Daemon, state: string, port: number, maildir: string): Server {
  return {
    port,
    pid: daemon.pid,
    maildir,
    hold: async () => {
      await daemon.ready();
      for (const what of ["mda", "mta"]) {
        const { code, stderr } = await runTask("smtpctl", ["--state", state, "pause", what]);
        if (code !== 0) throw new Error(`smtpctl pause ${what}: ${stderr}`);
      }
      return port;
    },
    stop: () => daemon.stop(),
  };
}

function secureConfiguration(port: number, home: string, cert: string, key: string): string {
  return [
    `pki bench cert "${cert}"`,
    `pki bench key "${key}"`,
    `table secrets { ann = "{PLAIN}secret" }`,
    `table users { bob = "${Deno.uid()}:${Deno.gid()}:${home}" }`,
    `listen on 127.0.0.1 port ${port} tls-require pki bench auth-optional <secrets>`,
    `action "local" maildir userbase <users>`,
    `match from any for domain "maildir.test" action "local"`,
  ].join("\n") + "\n";
}

function configuration(port: number, sinkPort: number, home: string): string {
  return [
    `table users { bob = "${Deno.uid()}:${Deno.gid()}:${home}" }`,
    `listen on 127.0.0.1 port ${port}`,
    `action "local" maildir userbase <users>`,
    `action "out" relay host "smtp://127.0.0.1:${sinkPort || 1}"`,
    `match from any for domain "maildir.test" action "local"`,
    `match from any for domain "relay.test" action "out"`,
    // Postfix has no such limit.
    "smtp limit max-mails 100000000",
  ].join("\n") + "\n";
}
