/** Postern's library face: the parts of a mail server that decide, without the parts that touch the world.
 *
 * - **Machines**: {@link ServerSession} and {@link ClientSession} speak SMTP without a socket or a clock,
 *   {@link FilterMachine} speaks with a program that filters. Events go in, effects come out.
 * - **Message**: paths and mailboxes, {@link HeaderScanner}, {@link composeDsn} for delivery reports.
 * - **Tables**: {@link openTable} looks things up in lists, files and cdb maps, {@link compileMap} makes such maps.
 * - **Spool**: the {@link SpoolStore} port with {@link MemoryStore} and {@link SqliteStore}, {@link GroupCommit} for
 *   durable writes, {@link Schedule} for what is tried when.
 * - **Policy**: {@link loadPolicy} reads smtpd.conf(5), {@link matchRule} and {@link expandRecipient} apply it,
 *   {@link expandFormat} fills in its format specifiers.
 *
 * Whatever an object needs of the world it gets as a port, an interface of few methods: {@link Clock}, {@link Random},
 * {@link Disk}, {@link SqlDatabase}. Failures of the world are {@link Fault}s.
 *
 * A session, told what a peer sends and asked what to answer:
 *
 * ```ts
 * import { defaultSmtpLimits, parseDomain, ServerSession } from "@postern/postern";
 * import { equal } from "node:assert/strict";
 *
 * const hostname = parseDomain("mx.example.org");
 * if (hostname === null) throw new Error("not a domain");
 * const session = new ServerSession({
 *   session: "00f1e2d3c4b5a697",
 *   hostname,
 *   limits: defaultSmtpLimits,
 *   local: false,
 *   maskSource: false,
 *   zone: () => ({ offsetMinutes: 0, name: "UTC" }),
 * });
 * const at = 1_772_530_000_000;
 *
 * // What the server does about a line: it writes, or it asks and waits for an answer.
 * function say(line: string): string {
 *   const bytes = new TextEncoder().encode(`${line}\r\n`);
 *   return session.step({ kind: "bytes", at, bytes }).map((effect) => {
 *     if (effect.kind === "write") return new TextDecoder().decode(effect.bytes).trimEnd();
 *     return effect.kind === "ask" ? `(ask: ${effect.ask.kind})` : "";
 *   }).join("");
 * }
 *
 * session.step({ kind: "connected", at, address: "192.0.2.1", hostname: "<unknown>" });
 * equal(say("HELO client.example"), "250 mx.example.org Hello client.example [192.0.2.1], pleased to meet you");
 * equal(say("MAIL FROM:<ann@client.example>"), "(ask: message)");
 * ```
 *
 * A configuration, and who gets a message under it:
 *
 * ```ts
 * import { expandRecipient, loadPolicy, parseDomain, parseMailbox, StaticTable } from "@postern/postern";
 * import { deepEqual } from "node:assert/strict";
 *
 * const text = `
 * action "in" maildir alias { "hello" = "ann, bob" } userbase { "ann" = "1:1:/home/ann", "bob" = "2:2:/home/bob" }
 * match from any for domain "example.org" action "in"
 * `;
 * const serverName = parseDomain("mx.example.org");
 * const rcpt = parseMailbox("hello@example.org", null);
 * if (serverName === null || rcpt === null) throw new Error("not an address");
 *
 * const loaded = loadPolicy({
 *   path: "smtpd.conf",
 *   readFile: () => ({ kind: "ok", text }),
 *   interfaces: [],
 *   resolveHost: () => [],
 *   tableHelper: () => null,
 *   isProgram: () => false,
 *   servicePort: () => null,
 *   serverName,
 *   macros: new Map(),
 * });
 * if (loaded.kind === "errors") throw new Error(loaded.errors.map((error) => error.message).join("\n"));
 *
 * const { policy } = loaded;
 * const expansion = await expandRecipient(
 *   {
 *     origin: {
 *       ...{ address: "192.0.2.1", hostname: "<unknown>", helo: "client.example", smtpName: "mx.example.org" },
 *       ...{ tag: "", username: "", tls: false },
 *     },
 *     sender: null,
 *     rcpt,
 *   },
 *   policy,
 *   {
 *     table(name) {
 *       const spec = policy.tables[name];
 *       if (spec?.kind !== "static") throw new Error(`no table ${name}`);
 *       return new StaticTable(name, spec.shape, spec.entries, policy.smtp.subAddressDelimiter);
 *     },
 *     readInclude: () => Promise.resolve(null),
 *     readForward: () => Promise.resolve({ kind: "absent" }),
 *     reverseName: () => Promise.resolve(null),
 *     peerName: () => Promise.resolve({ name: null, forward: "error" as const }),
 *     rewriting: null,
 *   },
 * );
 * if (expansion.kind === "refused") throw new Error(expansion.reason);
 * deepEqual(expansion.targets.map((one) => one.kind === "local" ? one.user : one.dest.domain), ["ann", "bob"]);
 * ```
 *
 * @module
 */

export type {
  Clock,
  Disk,
  DiskFile,
  DiskOpen,
  DiskStat,
  LogPriority,
  LogSink,
  Random,
  Sha1,
  SqlDatabase,
  SqlStatement,
  SqlValue,
  Timer,
} from "./lib/port.ts";
export * from "./lib/fault.ts";
export { formatEvent, type Log, type LogEvent, logTo, type LogValue, scrub } from "./lib/event_log.ts";

// Message
export * from "./lib/mail/address.ts";
export * from "./lib/mail/domain.ts";
export * from "./lib/mail/header.ts";
export * from "./lib/mail/message.ts";
export { composeDsn, type DsnAction, type DsnRecipient, type DsnReport } from "./lib/mail/dsn.ts";

// Machines
export type { Machine } from "./lib/smtp/machine.ts";
export { describeReply, encodeReply, formatReply, parseReply, type Reply } from "./lib/smtp/reply.ts";
export type { DsnRequest } from "./lib/smtp/parameter.ts";
export * from "./lib/smtp/session_face.ts";
export { ServerSession } from "./lib/smtp/session.ts";
export * from "./lib/smtp/filter_protocol.ts";
export {
  filterEvents,
  type FilterPhaseName,
  filterProtocol,
  type FilterQuery,
  type FilterReport,
  type FilterSubsystem,
  hiddenSecret,
  queryParameters,
} from "./lib/smtp/filter_line.ts";
export * from "./lib/smtp/client_face.ts";
export {
  type ClientMessage,
  type ClientRecipient,
  noExtensions,
  type PeerExtensions,
} from "./lib/smtp/client_command.ts";
export { ClientSession } from "./lib/smtp/client.ts";

// Tables
export * from "./lib/table/table.ts";
export * from "./lib/table/open.ts";
export { StaticTable } from "./lib/table/static.ts";
export { CdbFile, type CdbRecord } from "./lib/table/cdb.ts";
export { CdbWriter } from "./lib/table/cdb_write.ts";
export { SqliteTable } from "./lib/table/sqlite.ts";
export { SqliteWriter } from "./lib/table/sqlite_write.ts";
export * from "./lib/table/proc.ts";
export * from "./lib/table/proc_machine.ts";
export * from "./lib/table/query.ts";
export * from "./lib/table/compile.ts";

// Spool
export * from "./lib/spool/id.ts";
export {
  chunkLengthMax,
  type Envelope,
  type LastStatus,
  type LocalTarget,
  type StoredMessage,
} from "./lib/spool/envelope.ts";
export * from "./lib/spool/store.ts";
export { MemoryStore } from "./lib/spool/memory.ts";
export { SqliteStore } from "./lib/spool/sqlite.ts";
export * from "./lib/spool/group.ts";
export * from "./lib/spool/backoff.ts";
export type { Refill } from "./lib/spool/lane.ts";
export * from "./lib/spool/schedule.ts";

// Policy
export * from "./lib/policy/policy.ts";
export * from "./lib/policy/filter.ts";
export * from "./lib/policy/limit.ts";
export * from "./lib/policy/defaults.ts";
export * from "./lib/policy/trace.ts";
export * from "./lib/policy/resolve.ts";
export { type ConfigError, printError, type PrintOptions } from "./lib/policy/error.ts";
export {
  type MatchResult,
  matchRule,
  type MatchTrace,
  type Origin,
  type Subject,
  type TableLookup,
} from "./lib/policy/match.ts";
export { type Candidate, expandRecipient, type Expansion, type TableSource, type Target } from "./lib/policy/expand.ts";
export type { LocalExec } from "./lib/policy/exec.ts";
export type { ForwardFile, ForwardUser } from "./lib/policy/forward.ts";
export {
  candidateOf,
  describeTest,
  type ExplainedElement,
  type ExplainQuestion,
  hintsOf,
  parseClientAddress,
  treeOf,
} from "./lib/policy/explain.ts";
export {
  groupBySender,
  type Outgoing,
  type OutgoingSender,
  outgoingSender,
  type Rewriting,
  rewritingOf,
} from "./lib/policy/rewrite.ts";
export { checkSpf, type SpfCheck, type SpfIdentity, type SpfQuestion, type SpfVerdict } from "./lib/trust/spf.ts";
export type { SpfResult } from "./lib/trust/spf_result.ts";
export { type SpfFamilies, type SpfWalk, type SpfWalkProblem, walkSpf } from "./lib/trust/spf_walk.ts";
export { decodeSrs, encodeSrs, type SrsDecoding, type SrsOptions } from "./lib/trust/srs.ts";
export { expandFormat, type FormatResult, type FormatValues } from "./lib/policy/format.ts";
export { checkAliasValue } from "./lib/policy/alias_check.ts";
