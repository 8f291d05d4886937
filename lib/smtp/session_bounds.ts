/** How long a client may take, and how often it may be wrong. Pure; the time comes in. */

/** What a session may use up beside the content of messages. `SmtpLimits` of the policy fits. */
export interface SessionBounds {
  /** Wrong commands after which the session ends. Refused recipients are none. */
  readonly maxErrors: number;
  /** Commands that bring no message nearer, such as NOOP and RSET, before the session ends; a message that is taken begins
   * the count anew. */
  readonly maxJunkCommands: number;
  /** Recipients that are refused for good after which the session ends. A list with many dead addresses still reaches the
   * live ones: what was not tried is tried in the client's next session. */
  readonly maxUnknownRecipients: number;
  /** Time until the first command, ms. */
  readonly helloTimeoutMs: number;
  /** Time for a TLS handshake, ms. */
  readonly tlsTimeoutMs: number;
  /** Longest silence within content, ms. */
  readonly dataTimeoutMs: number;
  /** Time for the whole of a message's content, ms. */
  readonly messageTimeoutMs: number;
  /** Octets per second that content comes with at least, on average; 0 for any speed. */
  readonly minRate: number;
  /** How long content may come slower at its beginning, ms. */
  readonly rateGraceMs: number;
}

/** What holds where nothing else is said. */
export const defaultSessionBounds: SessionBounds = {
  maxErrors: 100,
  // Clients that keep a session for more mail ask with one of them for each message.
  maxJunkCommands: 100,
  maxUnknownRecipients: 100,
  // RFC 5321 §4.5.3.2.7: a server waits for 5 minutes at least.
  helloTimeoutMs: 300_000,
  tlsTimeoutMs: 60_000,
  dataTimeoutMs: 300_000,
  messageTimeoutMs: 3_600_000,
  minRate: 100,
  rateGraceMs: 300_000,
};

/** Which time was up: the key of `smtp limit` that sets it. */
export type Overrun =
  | "hello-timeout"
  | "command-timeout"
  | "tls-timeout"
  | "data-timeout"
  | "message-timeout"
  | "min-rate";

/** The deadlines of one session. All times are ms since the epoch. */
export class Patience {
  readonly #bounds: SessionBounds;
  readonly #commandTimeoutMs: number;
  #what: Overrun = "hello-timeout";
  #silentUntil = 0;
  /** When the content began that is coming; null outside of content. */
  #begunAt: number | null = null;
  #octets = 0;

  /** Nothing is waited for yet. `commandTimeoutMs` is the time for each command but the first. */
  constructor(bounds: SessionBounds, commandTimeoutMs: number) {
    this.#bounds = bounds;
    this.#commandTimeoutMs = commandTimeoutMs;
  }

  /** When the client's time is up. */
  get deadline(): number {
    return this.#begunAt === null ? this.#silentUntil : Math.min(this.#silentUntil, this.#wholeUntil, this.#slowUntil);
  }

  /** Which time is up at the deadline. */
  get overrun(): Overrun {
    if (this.#begunAt === null || this.deadline === this.#silentUntil) return this.#what;
    return this.deadline === this.#wholeUntil ? "message-timeout" : "min-rate";
  }

  /** The first command is waited for. */
  connect(at: number): void {
    this.#expect("hello-timeout", at + this.#bounds.helloTimeoutMs);
  }

  /** The next command, or part of one, is waited for. Content is over. */
  command(at: number): void {
    this.#begunAt = null;
    this.#expect("command-timeout", at + this.#commandTimeoutMs);
  }

  /** A TLS handshake is waited for. */
  handshake(at: number): void {
    this.#begunAt = null;
    this.#expect("tls-timeout", at + this.#bounds.tlsTimeoutMs);
  }

  /** Content is waited for, or goes on with so many octets. */
  content(at: number, octets: number): void {
    if (this.#begunAt === null) this.#octets = 0;
    this.#begunAt ??= at;
    this.#octets += octets;
    this.#expect("data-timeout", at + this.#bounds.dataTimeoutMs);
  }

  /** A command, or part of one, is waited for amid content that comes in chunks: its time goes on. */
  amidContent(at: number): void {
    if (this.#begunAt === null) this.#octets = 0;
    this.#begunAt ??= at;
    this.#expect("command-timeout", at + this.#commandTimeoutMs);
  }

  /** So many octets more have come amid content, between chunks or with the command of one. */
  count(octets: number): void {
    this.#octets += octets;
  }

  /** If there was content, it is over. */
  endContent(at: number): void {
    if (this.#begunAt !== null) this.command(at);
  }

  /** For so long nothing was read, and that is not the client's fault. */
  excuse(ms: number): void {
    this.#silentUntil += ms;
    if (this.#begunAt !== null) this.#begunAt += ms;
  }

  #expect(what: Overrun, until: number): void {
    this.#what = what;
    this.#silentUntil = until;
  }

  get #wholeUntil(): number {
    return (this.#begunAt ?? 0) + this.#bounds.messageTimeoutMs;
  }

  /** When what has come so far will be too little. */
  get #slowUntil(): number {
    const { minRate, rateGraceMs } = this.#bounds;
    if (minRate === 0) return Infinity;
    return (this.#begunAt ?? 0) + Math.max(rateGraceMs, Math.ceil(this.#octets * 1000 / minRate));
  }
}
