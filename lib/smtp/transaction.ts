/** One MAIL … DATA of a session (RFC 5321 §3.3): its path, its recipients, and its content on the way to the queue. */

import { Buffer } from "node:buffer";
import type { ForwardPath, ReversePath } from "../mail/address.ts";
import { HeaderScanner } from "../mail/message.ts";
import { BodyDecoder, type BodySink } from "./framing.ts";
import type { Handling } from "./handling.ts";
import type { DsnRequest, MailParameters, RcptParameters } from "./parameter.ts";
import { replies, type Reply } from "./reply.ts";

/** Longest piece of content that is given out at once, octets. */
export const pieceLengthMax = 64 * 1024;

/** Longest header section that missing fields are added to, octets. */
export const completedHeaderLengthMax = 64 * 1024;

/** What bounds the content. */
export interface ContentLimits {
  /** Octets as sent: CRLF line ends, not dot-stuffed (RFC 1870 §5). */
  readonly maxMessageSize: number;
  /** Received fields at which a message is taken to loop. */
  readonly maxHops: number;
}

/** What is put to the content that the client sends. */
export interface ContentAdditions {
  /** Fields that stand first, CRLF line ends. */
  readonly head: string;
  /** Values of fields to add at the end of the header section where they are missing; null: none. */
  readonly missing: { readonly date: string; readonly messageId: string } | null;
}

/** A transaction. It begins when MAIL is accepted; `begin` is called when DATA is. */
export class Transaction implements BodySink {
  /** The id that the content goes by. */
  readonly message: string;
  /** The argument of MAIL. */
  readonly sender: ReversePath;
  /** A filter has marked it as spam. */
  isJunk = false;
  readonly #parameters: MailParameters;
  readonly #limits: ContentLimits;
  readonly #decoder = new BodyDecoder();
  readonly #scanner = new HeaderScanner();
  readonly #pieces = new PieceBuffer();
  #completer: HeaderCompleter | null = null;
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
  }

  /** How the message is to be handled. */
  get handling(): Handling {
    return this.#parameters.handling;
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
    if (additions.missing !== null) this.#completer = new HeaderCompleter(additions.missing);
  }

  /** Takes a piece of input. Returns how many octets of it belong to the message once its end is found, -1 before.
   * The result does not depend on how the input was cut into pieces. */
  decode(bytes: Buffer): number {
    const used = this.#decoder.decode(bytes, this);
    if (used >= 0) {
      const held = this.#completer?.finish();
      if (held !== undefined) this.#store(held);
    }
    this.#refusal = this.#judge(used >= 0);
    if (this.#refusal !== null) this.#pieces.discard();
    else if (used >= 0) this.#pieces.finish();
    return used;
  }

  /** Content that is ready to go. With the end of the message all of it is. */
  takePieces(): readonly Uint8Array[] {
    return this.#pieces.take();
  }

  /** Takes decoded content; called by the decoder. */
  take(bytes: Buffer): void {
    this.#sent += bytes.length;
    if (!this.#scanner.isDone) this.#scanner.push(bytes);
    if (this.#sent > this.#limits.maxMessageSize || this.#refusal !== null) return;
    if (this.#completer === null) return this.#store(bytes);
    const released = this.#completer.push(bytes);
    if (released === null) return;
    this.#completer = null;
    this.#store(released);
  }

  #store(bytes: Uint8Array): void {
    this.#size += bytes.length;
    this.#pieces.append(bytes);
  }

  // The gravest reason counts, whatever came first: the answer must not depend on how the input was cut.
  #judge(isEnd: boolean): Reply | null {
    const flaw = this.#decoder.flaw;
    if (flaw === "stray") return replies.controlInMessage;
    if (flaw === "lineTooLong") return replies.lineTooLong;
    if (this.#sent > this.#limits.maxMessageSize) return replies.messageTooBig;
    if (!isEnd && !this.#scanner.isDone) return null;
    const { fault, received } = this.#scanner.finish();
    if (fault !== null) return replies.malformedMessage;
    // RFC 5321 §6.3.
    return received >= this.#limits.maxHops ? replies.routingLoop : null;
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

/** Holds a header section back until its end is seen, then adds the fields that are missing (RFC 6409 §8). */
class HeaderCompleter {
  readonly #missing: { readonly date: string; readonly messageId: string };
  #text = "";

  constructor(missing: { readonly date: string; readonly messageId: string }) {
    this.#missing = missing;
  }

  /** Takes content. Returns all of it once the header section has ended, null before. */
  push(bytes: Buffer): Buffer | null {
    const searched = Math.max(0, this.#text.length - 3);
    this.#text += bytes.toString("latin1");
    // The blank line may be the first.
    const end = this.#text.startsWith("\r\n") ? -2 : this.#text.indexOf("\r\n\r\n", searched);
    if (end !== -1) return this.#complete(end + 2);
    if (this.#text.length <= completedHeaderLengthMax) return null;
    const text = this.#text;
    this.#text = "";
    return Buffer.from(text, "latin1");
  }

  /** The content ended within its header section. */
  finish(): Buffer {
    return this.#complete(this.#text.length);
  }

  #complete(end: number): Buffer {
    const header = this.#text.slice(0, end);
    const date = /^date[ \t]*:/im.test(header) ? "" : `Date: ${this.#missing.date}\r\n`;
    const messageId = /^message-id[ \t]*:/im.test(header) ? "" : `Message-ID: ${this.#missing.messageId}\r\n`;
    const completed = header + date + messageId + this.#text.slice(end);
    this.#text = "";
    return Buffer.from(completed, "latin1");
  }
}
