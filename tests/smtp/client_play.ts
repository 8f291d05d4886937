/** Plays a file of fixtures/smtp/client against a client session. A line is an input or what the session does:
 *
 *   O: lmtp | whole | limit=n    LMTP; not to be cut in pieces; another value for one of the limits
 *   S: text       S~ "text"      the server sends a line; octets, with escapes
 *   M: {…}                       the owner gives a message: from, to, size, and what else a ClientMessage has
 *   D: "text"     L: "text"      the owner gives content: a piece, the last piece
 *   F:                           the owner has no content
 *   T: +300s                     time passes
 *   X: closed | reset | …        the connection is lost
 *   Q:            A: why         the owner wants to quit; hangs up
 *   C: text       C~ "text"      the session sends a line; octets
 *   R: 0 …                       what became of a recipient
 *   E: ready | content | done | close …
 */

import { Buffer } from "node:buffer";
import { Fault, type FaultKind } from "../../lib/fault.ts";
import type { Domain } from "../../lib/mail/address.ts";
import { parseMailbox } from "../../lib/mail/address.ts";
import {
  type ClientEffect,
  type ClientEvent,
  type ClientLimits,
  clientLimits,
  type ClientMessage,
  ClientSession,
  type ClientVerdict,
} from "../../lib/smtp/client.ts";
import { type ClientHandling, plainClientHandling } from "../../lib/smtp/client_command.ts";
import { describeReply } from "../../lib/smtp/reply.ts";

/** How to divide what the server sends at once. */
export type Cut = (bytes: Buffer) => readonly Buffer[];

/** A file after it was played. */
export interface Played {
  /** The file with what the session really did. */
  readonly text: string;
  /** The file wants what the server sends at once to arrive at once. */
  readonly isWhole: boolean;
}

/** Plays a file. */
export function playTranscript(text: string, cut: Cut): Played {
  const lines = text.replace(/\n$/, "").split("\n");
  const options = lines.filter((line) => line.startsWith("O: ")).map((line) => line.slice(3));
  const session = new ClientSession({
    session: "0123456789abcdef",
    helo: "client.test" as Domain,
    protocol: options.includes("lmtp") ? "lmtp" : "smtp",
    limits: limitsOf(options),
  });
  let at = 0;
  const out: string[] = [];
  const effects: ClientEffect[] = session.step({ kind: "connected", at });
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    if (/^[CRE][:~]/.test(line)) continue;
    const isEnd = !/^S[:~]/.test(lines[i + 1] ?? "");
    if (/^S[:~]/.test(line)) {
      out.push(line);
      pending.push(octetsOf(line));
      if (!isEnd) continue;
      for (const bytes of cut(Buffer.concat(pending.splice(0)))) {
        effects.push(...session.step({ kind: "bytes", at, bytes }));
      }
    } else {
      if (line.startsWith("T:")) at += Number(/\+([0-9]+)s/.exec(line)?.[1]) * 1_000;
      const event = eventOf(line, at);
      out.push(line);
      if (event !== null) effects.push(...session.step(event));
    }
    out.push(...describe(effects.splice(0)));
  }
  return { text: out.join("\n") + "\n", isWhole: options.includes("whole") };
}

const pending: Buffer[] = [];

function limitsOf(options: readonly string[]): ClientLimits {
  const changed: Record<string, number> = {};
  for (const option of options) {
    const [name = "", value] = option.split("=");
    if (value !== undefined) changed[name] = Number(value);
  }
  return { ...clientLimits, ...changed };
}

function octetsOf(line: string): Buffer {
  const rest = line.slice(3);
  return line.startsWith("S:") ? Buffer.from(`${rest}\r\n`) : Buffer.from(JSON.parse(rest), "latin1");
}

function eventOf(line: string, at: number): ClientEvent | null {
  const rest = line.slice(3);
  switch (line.slice(0, 2)) {
    case "M:":
      return { kind: "send", at, message: messageOf(JSON.parse(rest)) };
    case "D:":
      return { kind: "content", at, bytes: Buffer.from(JSON.parse(rest), "latin1"), last: false };
    case "L:":
      return { kind: "content", at, bytes: Buffer.from(JSON.parse(rest), "latin1"), last: true };
    case "F:":
      return { kind: "contentFailed", at };
    case "T:":
      return { kind: "tick", at };
    case "X:": {
      const fault = rest === "closed" ? null : new Fault(rest as FaultKind, `Cannot use the connection: ${rest}`);
      return { kind: "eof", at, fault };
    }
    case "Q:":
      return { kind: "quit", at };
    case "A:":
      return { kind: "abort", at, detail: rest };
  }
  if (line === "" || line.startsWith("#") || line.startsWith("O:")) return null;
  throw new Error(`Cannot read the transcript: "${line}"`);
}

interface WrittenMessage extends Omit<ClientMessage, "sender" | "recipients" | "handling"> {
  readonly from: string;
  readonly to: readonly string[];
  readonly notify?: ClientMessage["recipients"][number]["notify"];
  readonly originalRecipient?: string;
  readonly handling?: Partial<ClientHandling>;
}

function messageOf(written: WrittenMessage): ClientMessage {
  const mailbox = (text: string) => {
    const at = text.lastIndexOf("@");
    // Addresses that no parser lets through are part of the game.
    return parseMailbox(text, null) ?? { localPart: text.slice(0, at), domain: text.slice(at + 1) as Domain };
  };
  return {
    sender: written.from === "" ? null : mailbox(written.from),
    recipients: written.to.map((to) => ({
      path: mailbox(to),
      notify: written.notify ?? [],
      originalRecipient: written.originalRecipient ?? null,
    })),
    size: written.size ?? 100,
    eightBit: written.eightBit === undefined ? false : written.eightBit,
    ret: written.ret ?? null,
    envId: written.envId ?? null,
    ...(written.handling === undefined ? {} : { handling: { ...plainClientHandling, ...written.handling } }),
  };
}

function describe(effects: readonly ClientEffect[]): string[] {
  const out: string[] = [];
  let wire = "";
  const flush = () => {
    const lines = wire.split("\r\n");
    const rest = lines.pop() ?? "";
    out.push(...lines.map((line) => /^[ -~]*$/.test(line) ? `C: ${line}` : `C~ ${JSON.stringify(`${line}\r\n`)}`));
    if (rest !== "") out.push(`C~ ${JSON.stringify(rest)}`);
    wire = "";
  };
  for (const effect of effects) {
    if (effect.kind === "write") {
      wire += Buffer.from(effect.bytes).toString("latin1");
      continue;
    }
    flush();
    if (effect.kind === "recipient") out.push(`R: ${effect.index} ${describeVerdict(effect.verdict)}`);
    else if (effect.kind === "close") {
      out.push(effect.reason === null ? "E: close" : `E: close ${describeVerdict(effect.reason)}`);
    } else if (effect.kind === "log") out.push(`E: log ${effect.event.what}`);
    else out.push(`E: ${effect.kind === "needContent" ? "content" : effect.kind}`);
  }
  flush();
  return out;
}

function describeVerdict(verdict: ClientVerdict): string {
  switch (verdict.kind) {
    case "reply":
      return `${verdict.stage}${verdict.reports ? " reporting" : ""} ${describeReply(verdict.reply)}`;
    case "lost":
      return `lost in ${verdict.stage} by ${verdict.cause}: ${verdict.detail}`;
    case "tooLarge":
      return `tooLarge ${verdict.limit}`;
    case "unsupported":
      return `unsupported ${verdict.need}`;
    default:
      return verdict.kind;
  }
}
