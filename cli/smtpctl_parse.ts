/** smtpctl's command line: words, of which a beginning that fits one word only is enough, become a request. Pure. */

import { Command, CommanderError, InvalidArgumentError } from "@commander-js/extra-typings";
import type { ControlRequest, ControlTarget } from "../lib/daemon/control.ts";
import { readQuestion } from "./explain_question.ts";
import { UsageError } from "./getopt.ts";
import { readTraceWords, traceWords } from "./trace_words.ts";
import { type StoreMethod, storeMethods } from "../lib/trust/make_stored.ts";
import { type EvpId, type MsgId, msgIdOfEvp, parseEvpId, parseMsgId } from "../lib/spool/id.ts";

/** What the command line asks for. */
export type SmtpctlLine =
  | {
    readonly kind: "request";
    readonly request: ControlRequest;
    readonly json: boolean;
    /** Value of `--state`, null when it was not given. */
    readonly state: string | null;
    /** Value of `-f`, null when it was not given. */
    readonly config: string | null;
  }
  /** `--help` of smtpctl as a whole. */
  | { readonly kind: "manual" }
  /** `--version`. */
  | { readonly kind: "version" }
  /** `--help` of one command. */
  | { readonly kind: "help"; readonly text: string }
  /** `encrypt`: what a table stores of a password. `password` is null when it is to be read. */
  | {
    readonly kind: "encrypt";
    readonly method: StoreMethod;
    readonly password: string | null;
    readonly json: boolean;
  }
  /** `spf walk`: the networks of domains. At least one of `four` and `six`; `server` is null when it was not given. */
  | {
    readonly kind: "spfWalk";
    readonly four: boolean;
    readonly six: boolean;
    readonly server: string | null;
    readonly json: boolean;
  }
  /** Accepted, and without effect: `text` says so. */
  | { readonly kind: "noted"; readonly text: string }
  /** Nothing can be done. `text` is for standard error, without the name of the program. */
  | { readonly kind: "wrong"; readonly status: number; readonly text: string };

/** Exit status of a command line that makes no sense, as in OpenSMTPD. */
export const statusInvalid = 255;

/** Commands of OpenSMTPD that are still to come, by the words before them. */
const later: Readonly<Record<string, readonly string[]>> = {
  "": ["discover", "log", "monitor", "profile", "unprofile"],
  "show": ["hosts", "hoststats", "mta", "relays", "routes"],
  "pause mta": ["from"],
  "resume mta": ["from"],
  "resume": ["route"],
};

/** Reads the arguments after the program's name. */
export function parseSmtpctl(args: readonly string[]): SmtpctlLine {
  if (args[0] === "--version") return { kind: "version" };
  const tree = buildTree();
  const expanded = expandWords(tree.root, args);
  if (expanded.kind !== "words") return expanded;
  try {
    tree.program.parse(expanded.words, { from: "user" });
  } catch (error) {
    if (error instanceof UsageError) return wrong(error.message, expanded.command, false);
    if (!(error instanceof CommanderError)) throw error;
    return explain(error, expanded.command, tree.helpText());
  }
  const { json, state, f: config } = tree.program.opts();
  const chosen = tree.chosen();
  if (chosen !== null && "text" in chosen) return chosen;
  if (chosen?.kind === "encrypt" || chosen?.kind === "spfWalk") return { ...chosen, json: json === true };
  const request = chosen;
  if (request === null) return wrong("", expanded.command, true);
  return { kind: "request", request, json: json === true, state: state ?? null, config: config ?? null };
}

type AnyCommand = Command<unknown[], Record<string, unknown>, Record<string, unknown>>;

/** What a command line comes to. */
type Choice =
  | ControlRequest
  | Extract<SmtpctlLine, { readonly kind: "noted" | "wrong" }>
  | Omit<Extract<SmtpctlLine, { readonly kind: "encrypt" }>, "json">
  | Omit<Extract<SmtpctlLine, { readonly kind: "spfWalk" }>, "json">;

/** The tree of commands, and what parsing a line with it has left behind. */
function buildTree() {
  let request: Choice | null = null;
  let helpText = "";
  const choose = (wanted: Choice) => void (request = wanted);
  const program = new Command("smtpctl")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => helpText += text,
      writeErr: () => {},
      // Asking the environment, as it would by itself, needs a right.
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      getOutHelpWidth: () => 80,
    })
    .helpCommand(false)
    .option("--state <directory>", "state directory of the smtpd to talk to")
    .option("-f <file>", "configuration of the smtpd, for its queue on disk")
    .option("--json", "print JSON");
  const group = (name: string, description: string) =>
    program.command(name).description(description).helpCommand(false);

  const show = group("show", "show the queue and what smtpd does");
  show.command("queue").description("list the envelopes in the queue").argument("[msgid]", "of one message", msgId)
    .action((message) =>
      choose({ kind: "showQueue", target: message ? { kind: "message", message } : { kind: "all" } })
    );
  show.command("envelope").description("show all of one envelope").argument("<evpid>", "16 digits", evpId)
    .action((envelope) => choose({ kind: "showEnvelope", envelope }));
  show.command("message").description("print a message").argument("<msgid|evpid>", "8 or 16 digits", messageOf)
    .action((message) => choose({ kind: "showMessage", message }));
  show.command("stats").description("print counters").action(() => choose({ kind: "showStats" }));
  show.command("status").description("say what is paused").action(() => choose({ kind: "showStatus" }));

  const targets = "<evpid|msgid|all>";
  program.command("schedule").description("try to deliver now").argument(targets, "which", target)
    .action((which) => choose({ kind: "schedule", target: which }));
  program.command("remove").description("take out of the queue; nobody is told").argument(targets, "which", target)
    .action((which) => choose({ kind: "remove", target: which }));
  for (const verb of ["pause", "resume"] as const) {
    const parent = group(verb, verb === "pause" ? "stop a part of the work" : "go on with what was paused");
    for (const [what, work] of [["mda", "local delivery"], ["mta", "relaying"], ["smtp", "taking mail"]] as const) {
      parent.command(what).description(`${verb} ${work}`).action(() => choose({ kind: verb, what }));
    }
    parent.command("envelope").description(verb === "pause" ? "hold back" : "let go").argument(targets, "which", target)
      .action((which) => choose({ kind: verb === "pause" ? "pauseEnvelope" : "resumeEnvelope", target: which }));
  }
  program.command("stop").description("stop smtpd").action(() => choose({ kind: "stop" }));
  group("update", "read anew").command("table").description("read a table anew").argument("<name>", "of smtpd.conf")
    .action((table) => choose({ kind: "updateTable", table }));
  addDaemonless(program, choose);
  addReload(program, choose);
  addExplain(program, choose);
  return {
    // The tree is walked as a tree; what its leaves were declared with does not matter there.
    root: program as unknown as AnyCommand,
    program,
    chosen: () => request,
    helpText: () => helpText,
  };
}

/** The commands that ask for decisions. */
function addExplain(program: Command<[], Record<string, unknown>>, choose: (wanted: Choice) => void): void {
  program.command("explain").description("say what would become of mail, and why; nothing is sent")
    .option("--from <address>", "the sender; '' for the null sender")
    .option("--rcpt <address>", "the recipient")
    .option("--src <address>", "IP address of the client; without it the mail comes from this machine")
    .option("--rdns <name>", "the client's name in the DNS; without it the DNS is asked")
    .option("--helo <name>", "what the client says with EHLO")
    .option("--auth <user>", "the client has authenticated")
    .option("--tls", "the session is encrypted")
    .option("--tag <tag>", "tag of the listener")
    .option("--listener <listener>", "the listener: its address, interface or tag, or socket")
    .action((given) => {
      const { from = null, rcpt = null, src = null, rdns = null, helo = null } = given;
      const { auth = null, tag = null, listener = null, tls = false } = given;
      choose({ kind: "explain", question: readQuestion({ from, rcpt, src, rdns, helo, auth, tag, listener, tls }) });
    });
  for (const kind of ["trace", "untrace"] as const) {
    const description = kind === "trace" ? `log decisions: ${traceWords}` : "log them no more";
    program.command(kind).description(description).argument("<keyword>", "what").action((word) => {
      const { subjects, warnings, unknown } = readTraceWords([word]);
      if (unknown.length > 0) {
        choose({ kind: "wrong", status: 1, text: `invalid trace keyword: ${word}; there are ${traceWords}` });
      } else if (subjects.length === 0) choose({ kind: "noted", text: warnings.join("\n") });
      else choose({ kind, subjects });
    });
  }
}

/** The commands that need no daemon. */
function addDaemonless(program: Pick<Command, "command">, choose: (wanted: Choice) => void): void {
  addEncrypt(program, choose);
  addWalk(program.command("spf").description("what SPF records say").helpCommand(false), choose);
}

function addEncrypt(program: Pick<Command, "command">, choose: (wanted: Choice) => void): void {
  program.command("encrypt").description("print what a table stores of a password")
    .argument("[password]", "it is seen by others on this machine; better leave it out")
    .option("--method <method>", `one of ${storeMethods.join(", ")}`)
    .action((password, { method: word }) => {
      const method = typeof word === "string" ? storeMethods.find((one) => one === word) : storeMethods[0];
      if (method !== undefined) return choose({ kind: "encrypt", method, password: password ?? null });
      const text = `no such method: ${word}\nmethods are: ${storeMethods.join(", ")}`;
      choose({ kind: "wrong", status: statusInvalid, text });
    });
}

function addWalk(spf: Pick<Command, "command">, choose: (wanted: Choice) => void): void {
  spf.command("walk").description("print the networks that may send for the domains on standard input")
    .option("-4, --ipv4", "those of IPv4")
    .option("-6, --ipv6", "those of IPv6")
    .option("--server <address>", "DNS server to ask, with or without :port")
    .allowExcessArguments()
    .action(({ ipv4 = false, ipv6 = false, server = null }, { args }) => {
      if (args.length > 0) {
        throw new UsageError("domains are read from standard input: echo example.org | smtpctl spf walk");
      }
      const isAll = ipv4 === ipv6;
      choose({ kind: "spfWalk", four: isAll || ipv4 === true, six: isAll || ipv6 === true, server });
    });
}

function addReload(program: Pick<Command, "command">, choose: (request: ControlRequest) => void): void {
  program.command("reload").description("read smtpd.conf anew").option("-n, --check", "only show what would change")
    .action(({ check }) => choose({ kind: "reload", check: check === true }));
}

type Expanded =
  | { readonly kind: "words"; readonly words: readonly string[]; readonly command: AnyCommand }
  | Extract<SmtpctlLine, { readonly kind: "wrong" }>;

/** Replaces each beginning of a word by the word. Options stay where they are. */
function expandWords(program: AnyCommand, args: readonly string[]): Expanded {
  const words: string[] = [];
  let command = program;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg.startsWith("-")) {
      words.push(arg);
      if ((arg === "--state" || arg === "-f") && i + 1 < args.length) words.push(args[++i] ?? "");
      continue;
    }
    const path = pathOf(command);
    if (command.commands.length === 0) {
      if (findWord(later[path] ?? [], arg).length > 0) return notYet(`${path} ${arg}`);
      words.push(takesAll(command) && findWord(["all"], arg).length === 1 ? "all" : arg);
      continue;
    }
    const found = findWord(command.commands.map((child) => child.name()), arg);
    const coming = findWord(later[path] ?? [], arg);
    if (coming.includes(arg) || (found.length === 0 && coming.length === 1)) {
      return notYet(`${path} ${coming[0]}`.trim());
    }
    if (found.length > 1) {
      const children = command.commands.filter((child) => found.includes(child.name()));
      return wrong(`"${arg}" fits more than one word`, children, true);
    }
    command = command.commands.find((child) => child.name() === found[0]) ?? command;
    words.push(found[0] ?? arg);
    // An unknown word: commander says what may have been meant.
    if (found.length === 0) return { kind: "words", words: [...words, ...args.slice(i + 1)], command };
  }
  return { kind: "words", words, command };
}

/** The names that `word` can stand for: the one that it is, else all that begin with it. */
function findWord(names: readonly string[], word: string): readonly string[] {
  return names.includes(word) ? [word] : names.filter((name) => word !== "" && name.startsWith(word));
}

function takesAll(command: AnyCommand): boolean {
  return command.registeredArguments.some((argument) => argument.name().endsWith("|all"));
}

/** The words that lead to a command: `show queue`; empty for the program. */
function pathOf(command: AnyCommand): string {
  const parent = command.parent as AnyCommand | null;
  return parent === null ? "" : `${pathOf(parent)} ${command.name()}`.trim();
}

/** The ways to write the commands at and below `command`. */
function syntaxesOf(command: AnyCommand): readonly string[] {
  if (command.commands.length > 0) return command.commands.flatMap((child) => syntaxesOf(child));
  const args = command.registeredArguments.map((one) => one.required ? `<${one.name()}>` : `[${one.name()}]`);
  const [needed, free] = [command.options.filter(isNeeded), command.options.filter((one) => !isNeeded(one))];
  const options = [...needed.map(({ flags }) => flags), ...(free.length > 0 ? ["[options]"] : [])];
  return [[pathOf(command), ...args, ...options].join(" ")];
}

/** A question names the sender and the recipient. */
function isNeeded({ long }: { readonly long?: string | undefined }): boolean {
  return long === "--from" || long === "--rcpt";
}

function wrong(
  text: string,
  command: AnyCommand | readonly AnyCommand[],
  showAll: boolean,
): Extract<SmtpctlLine, { kind: "wrong" }> {
  const syntaxes = (Array.isArray(command) ? command : [command]).flatMap((one) => syntaxesOf(one));
  const heading = showAll ? "possibilities are:" : "usage:";
  const list = [heading, ...syntaxes.map((one) => `  smtpctl ${one}`)].join("\n");
  return { kind: "wrong", status: statusInvalid, text: text === "" ? list : `${text}\n${list}` };
}

function notYet(words: string): Extract<SmtpctlLine, { kind: "wrong" }> {
  return { kind: "wrong", status: 1, text: `"${words}" is not supported yet` };
}

/** What commander's way to stop means for the person at the keyboard. */
function explain(error: CommanderError, command: AnyCommand, helpText: string): SmtpctlLine {
  switch (error.code) {
    case "commander.helpDisplayed":
      return helpText.startsWith("Usage: smtpctl [options]") ? { kind: "manual" } : { kind: "help", text: helpText };
    case "commander.help":
      // Words are missing.
      return wrong("", command, true);
    case "commander.unknownOption":
    case "commander.optionMissingArgument": {
      const text = `${sentence(error.message)}\nusage: smtpctl [-f file] [--state directory] [--json] command`;
      return { kind: "wrong", status: statusInvalid, text };
    }
    default:
      return wrong(sentence(error.message), command, error.code === "commander.unknownCommand");
  }
}

/** commander's message, without what it puts before it, on one line. */
function sentence(message: string): string {
  const text = message.replace(/^error: /, "").replace(/\n\(Did (.*)\)$/, "; did $1").replaceAll("'", '"');
  const [, value, what] = /^command-argument value (".*") is invalid for argument ".*?"\. (.*)$/s.exec(text) ?? [];
  return value === undefined ? text.replace(/\.$/, "") : `${value} will not do: ${what}`;
}

function msgId(text: string): MsgId {
  const id = parseMsgId(text);
  if (id === null) throw new InvalidArgumentError("a message id has 8 hexadecimal digits");
  return id;
}

function evpId(text: string): EvpId {
  const id = parseEvpId(text);
  if (id === null) throw new InvalidArgumentError("an envelope id has 16 hexadecimal digits");
  return id;
}

function messageOf(text: string): MsgId {
  const id = parseMsgId(text);
  const envelope = parseEvpId(text);
  if (id !== null) return id;
  if (envelope !== null) return msgIdOfEvp(envelope);
  throw new InvalidArgumentError("a message id has 8 hexadecimal digits, an envelope id 16");
}

function target(text: string): ControlTarget {
  if (text === "all") return { kind: "all" };
  const message = parseMsgId(text);
  if (message !== null) return { kind: "message", message };
  const envelope = parseEvpId(text);
  if (envelope !== null) return { kind: "envelope", envelope };
  throw new InvalidArgumentError("it is all, a message id of 8 hexadecimal digits or an envelope id of 16");
}
