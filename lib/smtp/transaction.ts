/** One MAIL … DATA of a session (RFC 5321 §3.3): its path, its recipients, and its content on the way to the queue. */

import { Buffer } from "node:buffer";
import type { ForwardPath, ReversePath } from "../mail/address.ts";
import type { AuthorScanner } from "../mail/author.ts";
import { HeaderScanner } from "../mail/message.ts";
import { ChunkDecoder } from "./chunk.ts";
import { BodyDecoder, type BodyFlaw, bodyLineLengthMax, type BodySink, fieldsMax, headerLengthMax } from "./framing.ts";
import type { Handling } from "./handling.ts";
import type { LineMender } from "./lenient.ts";
import type { DsnRequest, MailParameters, RcptParameters } from "./parameter.ts";
import { replies, type Reply } from "./reply.ts";
import { areLines, type LineGroup, type LineGroups } from "./line_groups.ts";
import { joinOctets, latin1Octets } from "../mail/octets.ts";

/** Longest piece of content that is given out at once, octets. */
export const pieceLengthMax = 64 * 1024;

/** What bounds the content. */
export interface ContentLimits {
  /** Octets as sent: CRLF line ends, not dot-stuffed (RFC 1870 §5). */
  readonly maxMessageSize: number;
  /** Received fields at which a message is taken to loop. */
  readonly maxHops: number;
  /** Octets of the header section as sent, with the blank line. Default `headerLengthMax`. */
  readonly maxHeaderSize?: number;
  /** Fields of the header section. Default `fieldsMax`. */
  readonly maxHeaders?: number;
  /** Octets of a line with CRLF. Default `bodyLineLengthMax`. */
  readonly maxLineLength?: number;
}

/** Changes content as it passes by. `HeaderEditor` is one. */
export interface ContentStage {
  /** Takes content, returns what is ready. The bytes are only borrowed. */
  push(bytes: Buffer): Buffer;
  /** The content has ended. Returns the rest of it. */
  finish(): Buffer;
  /** The content cannot be changed as it must be: it is refused. */
  readonly isBroken?: boolean;
}

/** What is put to the content that the client sends. */
export interface ContentAdditions {
  /** Fields that stand first, CRLF line ends. */
  readonly head: string;
  /** What the content passes through, in this order. None for mail that only passes through: it is stored as it came. */
  readonly stages: readonly ContentStage[];
  /** Has filters change the lines first: all that comes after sees what they made of them. Default null: nobody is
   * asked. */
  readonly lines?: LineGroups | null;
  /** The one of `stages` that finds out who the message is from, the last. Default null: nobody asks. */
  readonly authors?: AuthorScanner | null;
}

/** A transaction. It begins when MAIL is accepted; `begin` is called when DATA is. */
export class Transaction implements BodySink {
  /** The id that the content goes by. */
  readonly message: string;
  /** The argument of MAIL. */
  readonly sender: ReversePath;
  /** A filter has marked it as spam. */
  isJunk = false;
  /** Why the first chunk that was refused was; null while none is. */
  chunkRefusal: Reply | null = null;
  /** Recipients refused. */
  refusedRecipients = 0;
  /** The limit that the client was told of last. */
  limitTold: string | null = null;
  /** Ends lines with CRLF, where the client may send LF alone. */
  mender: LineMender | null = null;
  readonly #parameters: MailParameters;
  readonly #limits: ContentLimits;
  readonly #decoder: BodyDecoder;
  // Only of a message that comes in chunks.
  #chunks: ChunkDecoder | null = null;
  readonly #scanner = new HeaderScanner();
  readonly #pieces = new PieceBuffer();
  #stages: readonly ContentStage[] = [];
  #lines: LineGroups | null = null;
  #authors: AuthorScanner | null = null;
  // Octets of the lines that filters were asked about, and of what they made of them.
  #asked = 0;
  #filtered = 0;
  #isFilterBroken = false;
  #flaw: BodyFlaw | null = null;
  #recipients = 0;
  #lastRecipient: ForwardPath | null = null;
  // Octets that the client sent.
  #sent = 0;
  #size = 0;
  #refusal: Reply | null = null;

  /** `message` is the id that the content will go by. */
  constructor(message: string, sender: ReversePath, parameters: MailParameters, limits: ContentLimits) {
    this.message = message;
    this.sender = sender;
    this.#parameters = parameters;
    this.#limits = limits;
    this.#decoder = new BodyDecoder(limits.maxLineLength);
  }

  /** How the message is to be handled, as it is stored: binary content is text then. */
  get handling(): Handling {
    const { handling } = this.#parameters;
    return this.isBinary ? { ...handling, body: "8bitmime" } : handling;
  }

  /** Recipients accepted. */
  get recipients(): number {
    return this.#recipients;
  }

  /** The recipient if there is exactly one. */
  get onlyRecipient(): ForwardPath | null {
    return this.#recipients === 1 ? this.#lastRecipient : null;
  }

  /** Octets of the content as stored, additions included; 0 when it is refused. Final once the end was decoded. */
  get size(): number {
    return this.#refusal === null ? this.#size : 0;
  }

  /** Why the content is refused, as far as is known; null while nothing is wrong. Once set, nothing more is given
   * out and the message is to be forgotten; the reason may still become a graver one before the end. */
  get refusal(): Reply | null {
    return this.#refusal;
  }

  /** What has found out who the message is from; null where nobody asks. */
  get authors(): AuthorScanner | null {
    return this.#authors;
  }

  /** The body may hold any octets (BODY=BINARYMIME, RFC 3030 §3). */
  get isBinary(): boolean {
    return this.#parameters.handling.body === "binarymime";
  }

  /** Counts a recipient that was accepted. */
  addRecipient(rcpt: ForwardPath): void {
    this.#lastRecipient = rcpt;
    this.#recipients++;
  }

  /** What the sender asked to be told about a recipient. */
  dsnOf(parameters: RcptParameters): DsnRequest {
    const { ret, envId } = this.#parameters;
    return { ...parameters, ret, envId };
  }

  /** Begins the content. */
  begin(additions: ContentAdditions): void {
    this.#pieces.expect(additions.head.length + (this.#parameters.size ?? 0));
    // The field names the recipient, whose address may be UTF-8.
    this.#store(Buffer.from(additions.head, "utf8"));
    this.#stages = additions.stages;
    this.#lines = additions.lines ?? null;
    this.#authors = additions.authors ?? null;
  }

  /** Takes a piece of input. Returns how many octets of it belong to the message once its end is found, -1 before.
   * The result does not depend on how the input was cut into pieces. */
  decode(bytes: Buffer): number {
    const used = this.#decoder.decode(bytes, this);
    this.#settle(used >= 0, this.#decoder.flaw);
    return used;
  }

  /** Takes a piece of a chunk (RFC 3030). The result does not depend on how the content was cut into chunks and pieces. */
  decodeChunk(bytes: Buffer): void {
    const chunks = this.#chunkDecoder();
    chunks.decode(bytes, this);
    this.#settle(false, chunks.flaw);
  }

  /** The last chunk is complete. */
  finishChunks(): void {
    const chunks = this.#chunkDecoder();
    // Text ends with a line end wherever it goes from here.
    if (!this.isBinary && chunks.isOpenLine && this.#lines === null) this.#pass(Buffer.from("\r\n"));
    chunks.finish();
    this.#settle(true, chunks.flaw);
  }

  /** Content that is ready to go. With the end of the message all of it is. */
  takePieces(): readonly Uint8Array[] {
    return this.#pieces.take();
  }

  /** Takes decoded content; called by the decoder. */
  take(bytes: Buffer): void {
    this.#sent += bytes.length;
    if (this.#lines === null) return this.#accept(bytes, this.#sent <= this.#limits.maxMessageSize);
    if (this.#sent <= this.#limits.maxMessageSize && this.#refusal === null) this.#lines.push(bytes);
  }

  /** Lines that filters are to be asked about; null when there are none to ask about now. Each group is answered with
   * `putLines` before the next is taken. */
  takeLines(): LineGroup | null {
    const group = this.#refusal === null ? this.#lines?.take() ?? null : null;
    for (const line of group?.lines ?? []) this.#asked += line.length + 2;
    return group;
  }

  /** Goes on with what filters made of a group of lines; null when they failed. `isLast` is the group's. */
  putLines(lines: readonly string[] | null, isLast: boolean): void {
    const { maxLineLength = 0 } = this.#limits;
    // A line of the client's that passes as it is must not be too long here.
    if (lines === null || !areLines(lines, Math.max(maxLineLength, bodyLineLengthMax))) {
      this.#isFilterBroken = true;
    } else if (lines.length > 0) {
      const bytes = latin1Octets(`${lines.join("\r\n")}\r\n`);
      this.#filtered += bytes.length;
      this.#accept(bytes, !this.#hasOutgrown);
    }
    this.#conclude(isLast);
  }

  /** Filters have made the message too large. Binary content grows when it becomes text, and a line end may be added:
   * that is not their doing, and bounded by what the client sent. */
  get #hasOutgrown(): boolean {
    return this.#filtered > Math.max(this.#limits.maxMessageSize, this.#asked);
  }

  #accept(bytes: Buffer, isWithinSize: boolean): void {
    if (!this.#scanner.isDone) this.#scanner.push(bytes);
    if (isWithinSize && this.#refusal === null) this.#pass(bytes);
  }

  #chunkDecoder(): ChunkDecoder {
    return this.#chunks ??= new ChunkDecoder(this.isBinary, this.#limits.maxLineLength);
  }

  #pass(bytes: Buffer): void {
    let out = bytes;
    for (const stage of this.#stages) out = stage.push(out);
    if (out.length > 0) this.#store(out);
  }

  #store(bytes: Uint8Array): void {
    this.#size += bytes.length;
    this.#pieces.append(bytes);
  }

  #settle(isEnd: boolean, flaw: BodyFlaw | null): void {
    this.#flaw = flaw;
    if (isEnd && this.#refusal === null) this.#lines?.finish();
    // Where filters are asked about lines, the end is where their last answer is.
    this.#conclude(isEnd && this.#lines === null);
  }

  #conclude(isEnd: boolean): void {
    if (isEnd && this.#refusal === null && this.#stages.length > 0) {
      let out: Buffer = Buffer.alloc(0);
      for (const stage of this.#stages) out = joinOctets([stage.push(out), stage.finish()]);
      if (out.length > 0) this.#store(out);
    }
    this.#refusal = this.#judge(isEnd, this.#flaw);
    if (this.#refusal !== null) this.#pieces.discard();
    else if (isEnd) this.#pieces.finish();
  }

  // The gravest reason counts, whatever came first: the answer must not depend on how the input was cut.
  #judge(isEnd: boolean, flaw: BodyFlaw | null): Reply | null {
    const { maxMessageSize, maxHops, maxHeaderSize = headerLengthMax, maxHeaders = fieldsMax } = this.#limits;
    if (flaw === "stray") return replies.controlInMessage;
    if (flaw === "lineTooLong") return replies.lineTooLong;
    if (this.#sent > maxMessageSize) return replies.messageTooBig;
    if (this.#isFilterBroken) return replies.filterFailed;
    if (this.#hasOutgrown) return replies.messageTooBig;
    const scanner = this.#scanner;
    const findings = isEnd || scanner.isDone ? scanner.finish() : null;
    if (findings !== null && findings.fault !== null) return replies.malformedMessage;
    if (scanner.length > maxHeaderSize) return replies.headerTooBig;
    if (scanner.fields > maxHeaders) return replies.tooManyFields;
    // RFC 5321 §6.3.
    if (findings !== null && findings.received >= maxHops) return replies.routingLoop;
    const isBroken = this.#lines?.isBroken || this.#stages.some((stage) => stage.isBroken);
    return isBroken ? replies.binaryInText : null;
  }
}

/** Gathers content into pieces of `pieceLengthMax`, so that a small message is one piece. */
class PieceBuffer {
  // Room that is made for a message of unknown size. When that is too little a whole piece is made: to double again
  // and again would copy and clear more octets than a long message has.
  static readonly firstRoom = 8 * 1024;
  // Most room that is made on the client's word.
  static readonly expectedRoomMax = 16 * 1024;
  #room = PieceBuffer.firstRoom;
  #bytes: Uint8Array | null = null;
  #length = 0;
  #ready: Uint8Array[] = [];

  /** Tells how much may come, octets. */
  expect(length: number): void {
    if (length > PieceBuffer.firstRoom) this.#room = Math.min(length, PieceBuffer.expectedRoomMax);
  }

  /** Copies `bytes`. */
  append(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const count = Math.min(bytes.length - at, pieceLengthMax - this.#length);
      const room = this.#ensure(this.#length + count);
      room.set(at === 0 && count === bytes.length ? bytes : bytes.subarray(at, at + count), this.#length);
      this.#length += count;
      at += count;
      if (this.#length === pieceLengthMax) this.finish();
    }
  }

  /** Makes what was gathered the last piece, if there is any. */
  finish(): void {
    if (this.#bytes !== null && this.#length > 0) this.#ready.push(this.#bytes.subarray(0, this.#length));
    this.#bytes = null;
    this.#length = 0;
    // A message that filled one piece is likely to fill another.
    this.#room = pieceLengthMax;
  }

  /** Forgets what was gathered. */
  discard(): void {
    this.#bytes = null;
    this.#length = 0;
    this.#ready = [];
  }

  /** Takes the pieces that are complete. */
  take(): readonly Uint8Array[] {
    if (this.#ready.length === 0) return this.#ready;
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  #ensure(length: number): Uint8Array {
    const old = this.#bytes;
    if (old !== null && old.length >= length) return old;
    const isRoomy = old === null && this.#room >= length;
    const bytes = new Uint8Array(isRoomy ? this.#room : pieceLengthMax);
    if (old !== null) bytes.set(old.subarray(0, this.#length));
    this.#bytes = bytes;
    return bytes;
  }
}
