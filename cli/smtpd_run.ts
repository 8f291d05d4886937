/** Starts the daemon, keeps it, stops it. */

import { spawn } from "node:child_process";
import { join } from "@std/path";
import { Fault } from "../lib/fault.ts";
import { formatEvent, type Log, type LogEvent, type LogStyle, logTo } from "../lib/event_log.ts";
import { heapFlag } from "../lib/daemon/grant_flags.ts";
import { type InheritedSockets, inheritSockets } from "../lib/host/activation.ts";
import { bracket } from "../lib/daemon/range.ts";
import { isRunning, Supervisor } from "../lib/daemon/supervisor.ts";
import { hostClock } from "../lib/host/clock.ts";
import { keepInspectorShut } from "../lib/host/inspector.ts";
import { launchCommand, type Machine, unreachableForOthers } from "../lib/host/launch.ts";
import { flushLog, stderrSink } from "../lib/host/log.ts";
import { trimMemory } from "../lib/host/memory.ts";
import { interfaceAddresses, prepareDirectory } from "../lib/host/state.ts";
import { inactiveNotices, noticeError } from "../lib/policy/inactive.ts";
import type { Configuration, Loaded } from "../lib/daemon/reload_plan.ts";
import type { ConfigError } from "../lib/policy/error.ts";
import type { Policy } from "../lib/policy/policy.ts";
import { keepsUser } from "./smtpd_accounts.ts";
import { later } from "./later.ts";
import { takeOffline } from "./smtpd_offline.ts";
import { checkQuickly } from "./smtpd_check.ts";
import { loadConfiguration } from "./smtpd_config.ts";
import { type Beginning, smtpIns } from "./smtpd_launch.ts";
import { premisesOf, type SmtpdOptions, type Start } from "./smtpd_premises.ts";

/** Addresses that the log names at the start. */
const loggedPlacesMax = 32;

/** How long after a start or a reload what it leaves behind is given back, ms. */
const trimDelayMs = 1000;

/** How long after the start the offline directory is looked at, ms. */
const offlineDelayMs = 1000;

/** What the supervisor runs with, as in the task smtpd of deno.json: it binds, starts and reads on behalf of the roles. */
export const supervisorFlags = [
  "--no-prompt",
  "--cached-only",
  heapFlag,
  "--allow-read",
  "--allow-write",
  "--allow-run",
  "--allow-net",
  "--allow-env=DENO_DIR,HOME,LISTEN_FDNAMES,LISTEN_FDS,LISTEN_PID,NODE_V8_COVERAGE,SMTPD_STATE,TZ,XDG_CACHE_HOME,XDG_STATE_HOME",
  "--allow-sys=hostname,networkInterfaces,uid",
];

/** How often the background process is asked whether it is there, ms. */
const pollMs = 50;

/** How long the background process may take until it answers, ms. */
const backgroundMs = 15_000;

/** Runs in the foreground until a signal or `smtpctl stop` ends it. `warned` is what has been told of the configuration;
 * `launcher` of the last starts the roles. Resolves to the exit status. */
export async function runDaemon(
  policy: Policy,
  options: SmtpdOptions,
  warned: readonly ConfigError[],
  { launcher, machine }: Beginning,
): Promise<number> {
  const start = premisesOf(policy, options, "run");
  await refuseSecond(start.controlSocket);
  if (start.premises.accounts !== null) checkReach();
  const asked = await machine;
  const style = logStyle(asked, options);
  const least = options.verbose ? "debug" : "info";
  const log = logTo(stderrSink(least), style, hostClock);
  const say = (what: string, fields: LogEvent["fields"] = {}) =>
    log({ priority: "notice", session: "", from: "smtpd", what, fields });
  const [inherited, { descriptors }] = [await socketsOfStarter(), asked];
  const fail = (reason: string) =>
    console.error(formatEvent(event("crit", "cannot-start", { reason }), style, hostClock.now()));
  const ended = Promise.withResolvers<number>();
  let isStopping = false;
  const supervisor: Supervisor = new Supervisor({
    configuration: configurationOf(policy, start),
    file: options.config,
    warnings: [...warned, ...noticesOf(policy, options)],
    load: () => loadAgain(options),
    controlSocket: start.controlSocket,
    submitSocket: start.submitSocket,
    ...{ launcher, smtpIns, inherited, descriptors },
    ...{ paused: options.paused, traced: options.traced, log, logStyle: style, logLeast: least },
    failed: (reason) => {
      fail(reason);
      void finish(1);
    },
    ready: () => {
      say("ready", { pid: Deno.pid, state: start.premises.state, ...placesOf(policy) });
      workLater(start, log);
    },
    stopRequested: () => void finish(0),
  });
  const finish = async (status: number): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    if (status === 0) say("stopping");
    await supervisor.stop();
    if (status === 0) say("exiting");
    flushLog();
    ended.resolve(status);
  };
  takeSignals(() => void finish(0), () => supervisor.reload());
  logNotices(policy, log);
  try {
    await supervisor.start();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    fail(error.message);
    await finish(1);
  }
  logUnused(inherited, log);
  return await ended.promise;
}

/** How lines look on standard error. For people: with their time where that is a file, for nobody adds it there, as
 * journals, syslog and terminals' readers do. */
export function logStyle({ logsToFile }: Machine, { json }: SmtpdOptions): LogStyle {
  return json ? "json" : logsToFile ? "timed" : "text";
}

function takeSignals(stop: () => void, reload: () => void): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, stop);
  Deno.addSignalListener("SIGHUP", reload);
  keepInspectorShut();
}

/** What the start does not wait for. */
function workLater(start: Start, log: Log): void {
  setTimeout(() => void takeOffline(start, log), offlineDelayMs);
  setTimeout(trimMemory, trimDelayMs);
}

/** Where mail is taken, for the log: how many sockets, and the first of their addresses. */
function placesOf({ listeners }: Policy): LogEvent["fields"] {
  const places = listeners.map((one) =>
    one.kind === "socket" ? "socket" : one.kind === "lmtp" ? one.path : `${bracket(one.address)}:${one.port}`
  );
  const shown = places.slice(0, loggedPlacesMax);
  if (places.length > shown.length) shown.push(`and ${places.length - shown.length} more`);
  return { listeners: places.length, on: shown.join(" ") };
}

function logNotices(policy: Policy, log: Log): void {
  for (const { severity, place, message } of inactiveNotices(policy)) {
    const where: LogEvent["fields"] = place === null ? {} : { place: `${place.file}:${place.line}` };
    log({ priority: severity, session: "", from: "smtpd", what: "not-active", fields: { ...where, reason: message } });
  }
}

/** Sockets that systemd has opened for us: sd_listen_fds(3). */
function socketsOfStarter(): Promise<InheritedSockets> {
  const [pid, count, names] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"].map((name) => Deno.env.get(name));
  return inheritSockets({ pid, count, names }, Deno.pid);
}

function logUnused({ unused }: InheritedSockets, log: Log): void {
  const reason = "no `listen` line names the place of this socket that was handed over";
  for (const at of unused) {
    const socket = at.kind === "inet" ? `${at.ip} port ${at.port}` : at.path;
    log({ priority: "notice", session: "", from: "smtpd", what: "socket-unused", fields: { socket, reason } });
  }
}

/** What the supervisor is given of a configuration. */
function configurationOf(policy: Policy, { premises, resolver }: Start): Configuration {
  return { policy, premises, resolver, selfAddresses: interfaceAddresses().map((one) => one.address) };
}

function noticesOf(policy: Policy, options: SmtpdOptions): readonly ConfigError[] {
  return inactiveNotices(policy).map((notice) => noticeError(notice, options.config));
}

/** Reads the configuration as the start did. */
async function loadAgain(options: SmtpdOptions): Promise<Loaded> {
  const loaded = await loadConfiguration(options.config, options.macros);
  if (loaded.kind === "errors") return { kind: "refused", problems: loaded.errors };
  const { policy } = loaded;
  setTimeout(trimMemory, trimDelayMs);
  const warnings = [...await checkQuickly(loaded, keepsUser(options)), ...noticesOf(policy, options)];
  return {
    kind: "ok",
    configuration: configurationOf(policy, premisesOf(policy, options, "run")),
    warnings,
  };
}

/** Starts the same in the background, and waits until it answers. Its log goes to syslog, or to a file in the state
 * directory where there is no syslog. */
export async function goToBackground(policy: Policy, options: SmtpdOptions): Promise<number> {
  const { premises, controlSocket, isSystem } = premisesOf(policy, options, "run");
  await refuseSecond(controlSocket);
  prepareDirectory({ path: premises.state, mode: premises.accounts === null ? 0o700 : 0o711, owner: null });
  const { argv, env } = launchCommand({
    flags: supervisorFlags,
    account: null,
    module: import.meta.resolve("./smtpd.ts"),
    args: ["-F", ...argumentsFor(options), ...(isSystem ? [] : ["--state", premises.state])],
  });
  const file = hasSyslog() ? null : join(premises.state, "smtpd.log");
  const log = file === null ? "the mail log" : file;
  const home = Deno.env.get("HOME") ?? "/";
  const command = ["-c", file === null ? toSyslog : toFile, "sh", file ?? "", ...argv];
  const child = spawn("/bin/sh", command, { detached: true, stdio: "ignore", cwd: "/", env: { ...env, HOME: home } });
  const { callControl }: typeof import("./control_client.ts") = await import(
    later("./control_client.ts", import.meta.url)
  );
  let hasEnded = false;
  child.on("exit", () => hasEnded = true);
  child.on("error", () => hasEnded = true);
  child.unref();
  for (let waited = 0; waited < backgroundMs && !hasEnded; waited += pollMs) {
    const answer = await callControl(controlSocket, { kind: "showStatus" }, () => {}).catch(() => null);
    if (answer?.kind === "done") {
      if (file !== null) console.error(`smtpd: runs in the background; there is no syslog, so it logs to ${file}`);
      return 0;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  const what = hasEnded ? "it ended at once" : `it is not ready after ${backgroundMs / 1000} s`;
  console.error(`smtpd: ${what}; see ${log}, or run smtpd -d to see why`);
  return 1;
}

/** logger(1) turns lines into syslog messages, facility mail. */
const toSyslog = 'shift; "$@" 2>&1 | logger -t smtpd -p mail.info';
const toFile = 'file=$1; shift; umask 077; exec "$@" >>"$file" 2>&1';

/** Is somebody there to take syslog messages, and a program to send them? Asked of a shell, for Deno lets nobody without
 * all rights look into /dev. */
function hasSyslog(): boolean {
  const args = ["-c", "test -S /dev/log && command -v logger"];
  return new Deno.Command("/bin/sh", { args, stdin: "null", stdout: "null", stderr: "null" }).outputSync().success;
}

/** The command line that says the same as `options` wherever it is run. */
function argumentsFor(options: SmtpdOptions): readonly string[] {
  return [
    ...["-f", options.config],
    ...[...options.macros].flatMap(([name, value]) => ["-D", `${name}=${value}`]),
    ...options.paused.flatMap((subsystem) => ["-P", subsystem]),
    ...options.traced.flatMap((subject) => ["-T", subject]),
    ...(options.verbose ? ["-v"] : []),
    ...(options.sameUser ? ["--same-user"] : []),
    ...(options.json ? ["--json"] : []),
  ];
}

async function refuseSecond(controlSocket: string): Promise<void> {
  if (!await isRunning(controlSocket)) return;
  throw new Fault(
    "exists",
    `Cannot start: smtpd runs already and answers on ${controlSocket}; stop it with smtpctl stop, or use --state DIR`,
  );
}

/** Roles with accounts of their own have to get at Deno and at our sources. */
function checkReach(): void {
  const path = unreachableForOthers(import.meta.url);
  if (path === null) return;
  throw new Fault(
    "denied",
    `Cannot start: the accounts _smtpd and _smtpq cannot reach ${path}\n` +
      `  Install Deno and Postern where everybody may read (/usr/local), set DENO_DIR to such a place,\n` +
      `  or run everything as root's own account, to try it out: smtpd --same-user`,
  );
}

function event(priority: LogEvent["priority"], what: string, fields: LogEvent["fields"]): LogEvent {
  return { priority, session: "", from: "smtpd", what, fields };
}
