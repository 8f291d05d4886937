/** The server's side of one SMTP connection (RFC 5321 §3.1), sans-IO: takes events, cuts input into commands, runs them.
 * What the commands do is in session_hello.ts (names), session_tls.ts, session_auth.ts, session_mail.ts (senders and
 * recipients), session_data.ts and session_bdat.ts (content). */

import { assert, assertNever } from "../fault.ts";
import { decodeUtf8 } from "../mail/utf8.ts";
import { type Command, parseCommand } from "./command.ts";
import { offeredCommands } from "./extension.ts";
import { commandLineLengthMax, inputLengthHeld, inputLengthMax } from "./framing.ts";
import type { Machine } from "./machine.ts";
import { verbRules } from "./phase.ts";
import { replies } from "./reply.ts";
import { authenticate, hiddenText, hideSecret } from "./session_auth.ts";
import { bdat } from "./session_bdat.ts";
import { data } from "./session_data.ts";
import { Patience } from "./session_bounds.ts";
import type { SessionAnswer, SessionConfig, SessionEffect, SessionEvent, TlsInfo } from "./session_face.ts";
import { greet, hello } from "./session_hello.ts";
import { tellQuirk } from "./session_lenient.ts";
import { greetingRefusal } from "./session_lmtp.ts";
import { mail, rcpt } from "./session_mail.ts";
import { SessionState } from "./session_state.ts";
import { startTls } from "./session_tls.ts";
import { isOfPeer, type Resume, type Running, type Wait } from "./session_wait.ts";

export type * from "./session_face.ts";

/** The server machine. Hand it each event; carry out the effects in order. */
export class ServerSession implements Machine<SessionEvent, SessionEffect> {
  readonly #state: SessionState;
  /** The command under way, and what it waits for. */
  #running: Running | null = null;
  #wait: Wait | null = null;
  #isConnected = false;
  /** AUTH was given, and since then nothing that is a command. */
  #isBehindAuth = false;
  #isEnded = false;
  #isStopping = false;
  /** Since when lines of a message are with the filters. */
  #linesAskedAt = 0;
  readonly #patience: Patience;

  /** Nothing is said before the `connected` event. */
  constructor(config: SessionConfig) {
    this.#state = new SessionState(config);
    this.#patience = new Patience(this.#state.bounds, config.limits.idleTimeoutMs);
  }

  /** When a `tick` is wanted, ms since the epoch; null while nothing is expected of the peer.
   * A peer that sends part of a command gains no time by it; part of a message does count. */
  get deadline(): number | null {
    return this.#isAsking || !this.#isConnected || this.#state.isClosed ? null : this.#patience.deadline;
  }

  /** The shell has not read for so long, ms, for a reason of its own: the client is not to blame. */
  excuse(ms: number): void {
    this.#patience.excuse(ms);
  }

  /** False when `inputLengthHeld` octets wait behind an open ask: the shell is to stop reading. Most clients wait for
   * the answer too: to stop and go on for each ask would be work for nothing. */
  get wantsBytes(): boolean {
    return !this.#state.isClosed && (!this.#isAsking || this.#state.input.length < inputLengthHeld);
  }

  /** Takes one event. Total; never throws for what a peer sends, and says nothing once it has closed. */
  step(event: SessionEvent): SessionEffect[] {
    const state = this.#state;
    if (state.isClosed) return [];
    state.now = event.at;
    switch (event.kind) {
      case "connected":
        this.#connect(event);
        break;
      case "bytes":
        this.#receive(event.bytes);
        break;
      case "answer":
        this.#answer(event.answer);
        break;
      case "named":
        state.peer.hostname = event.hostname;
        state.output.logNow();
        break;
      case "tls":
        this.#secure(event.tls);
        break;
      case "tick":
        if (this.deadline !== null && event.at >= this.#patience.deadline) state.timeOut(this.#patience.overrun);
        break;
      case "eof":
        if (!this.#isAsking) state.close(event.reason ?? "disconnect");
        else this.#isEnded = true;
        break;
      case "shutdown":
        this.#isStopping = true;
        this.#stopIfFree();
        break;
      default:
        assertNever(event);
    }
    if (state.isClosed || !this.#isAsking) state.output.flush();
    if (!this.#isContentOpen) this.#patience.endContent(event.at);
    state.input.settle();
    return state.output.take();
  }

  /** A question to the rest of the daemon is open. */
  get #isAsking(): boolean {
    return this.#wait !== null && !isOfPeer(this.#wait.kind);
  }

  /** Content is coming: more of it is waited for now, or is to follow in another chunk. */
  get #isContentOpen(): boolean {
    return this.#isAmidMessage || this.#state.phase === "chunks";
  }

  /** More content is waited for now, or filters have lines of it. */
  get #isAmidMessage(): boolean {
    return this.#wait?.kind === "bytes" || this.#wait?.kind === "lines";
  }

  #connect(event: Extract<SessionEvent, { kind: "connected" }>): void {
    assert(!this.#isConnected, "a session is connected once");
    const state = this.#state;
    const { address, hostname, tls = null } = event;
    this.#isConnected = true;
    state.peer = { address, hostname: hostname ?? "<unknown>" };
    state.tls = tls;
    this.#patience.connect(event.at);
    state.output.logLater("connected", () => ({ address, host: state.peer.hostname }));
    if (hostname !== null) state.output.logNow();
    this.#begin(greet(state));
    this.#process();
  }

  #receive(bytes: Uint8Array): void {
    const { input } = this.#state;
    if (!this.#isConnected) return this.#state.refuseInput(replies.earlyTalker);
    // No octet of before the handshake counts after it, and amid one there is nothing to say it in.
    if (this.#wait?.kind === "tls") return this.#state.close("bad-input");
    if (this.#isAsking && input.length + bytes.length > inputLengthMax) {
      return this.#state.refuseInput(replies.inputOverflow);
    }
    input.add(bytes);
    if (this.#wait?.kind === "bytes") this.#patience.content(this.#state.now, bytes.length);
    else if (this.#isContentOpen) this.#patience.count(bytes.length);
    this.#process();
  }

  #secure(tls: TlsInfo): void {
    if (this.#wait?.kind !== "tls") return;
    this.#grantTime();
    this.#resume({ kind: "tls", tls });
    this.#process();
  }

  #answer(answer: SessionAnswer): void {
    if (!this.#isAsking) return;
    // The time that filters take is not the client's.
    if (this.#wait?.kind === "lines") this.#patience.excuse(Math.max(0, this.#state.now - this.#linesAskedAt));
    this.#grantTime();
    this.#resume(answer);
    this.#process();
  }

  /** Works off the input until it is used up, somebody else is waited for, or the session ends. */
  #process(): void {
    const { input } = this.#state;
    while (!this.#state.isClosed && !this.#isAsking) {
      const wait = this.#wait;
      if (wait?.kind === "tls") break;
      if (wait?.kind === "bytes") {
        if (input.length === 0) break;
        this.#resume({ kind: "bytes" });
        continue;
      }
      const line = this.#nextLine(wait?.kind === "line" ? wait.lengthMax : commandLineLengthMax);
      if (line === null) break;
      if (wait === null) this.#obey(line, parseCommand(line));
      else this.#resume({ kind: "line", text: line });
    }
    if (this.#isEnded && !this.#isAsking) this.#state.close("disconnect");
  }

  /** Null when there is none yet, or none that can be read. */
  #nextLine(lengthMax: number): string | null {
    const line = this.#state.input.next(lengthMax);
    if (line.kind === "stray") this.#state.refuseInput(replies.strayControl);
    if (line.kind === "tooLong") {
      this.#state.refuseInput(this.#wait?.kind === "line" ? replies.authLineTooLong : replies.commandTooLong);
    }
    if (line.kind !== "line" && line.kind !== "bare") return null;
    if (line.kind === "bare") tellQuirk(this.#state, "bare-lf");
    this.#grantTime();
    return line.text;
  }

  #obey(line: string, command: Command): void {
    const state = this.#state;
    const { verb, argument } = command;
    state.line = this.#loggable(line, verb);
    // RFC 5321 §3.1: a client that was turned away may only say QUIT.
    if (!state.isGreeted && verb !== "QUIT") return state.fail(replies.notAllowed);
    const rule = verbRules[verb];
    if (rule.behind === "refuse" && state.input.length > 0) {
      state.fail(replies.improperPipelining);
      return state.close("pipelining");
    }
    const refusal = greetingRefusal(verb, state.config.lmtp ?? false) ??
      (rule.argument === "none" && argument !== ""
        ? replies.noArgumentAllowed
        : rule.in[state.phase] ?? (rule.argument === "required" && argument === "" ? replies.argumentRequired : null));
    if (refusal !== null) {
      state.fail(refusal);
      if (rule.isFatal) state.close("bad-input");
      return;
    }
    this.#carryOut(command);
  }

  /** The line as it may be logged. A client that does not wait for the answer to AUTH sends a password where a command
   * is due. */
  #loggable(line: string, verb: Command["verb"]): string {
    const isBehindAuth = this.#isBehindAuth;
    this.#isBehindAuth = verb === "AUTH" || (isBehindAuth && verb === "UNKNOWN");
    if (verb === "AUTH") return hideSecret(line);
    return isBehindAuth && verb === "UNKNOWN" ? hiddenText : decodeUtf8(line) ?? line;
  }

  #carryOut({ verb, argument }: Command): void {
    const state = this.#state;
    if (verbRules[verb].isJunk && !state.countJunkCommand()) return;
    switch (verb) {
      case "HELO":
      case "EHLO":
      case "LHLO":
        return this.#begin(hello(state, argument, verb !== "HELO"));
      case "MAIL":
        return this.#begin(mail(state, argument));
      case "RCPT":
        return this.#begin(rcpt(state, argument));
      case "DATA":
        return this.#begin(data(state));
      case "AUTH":
        return this.#begin(authenticate(state, argument));
      case "BDAT":
        return this.#begin(bdat(state, argument));
      case "STARTTLS":
        return this.#begin(startTls(state));
      case "RSET":
        state.reset();
        return state.say(replies.reset);
      case "NOOP":
        return state.say(replies.ok);
      case "HELP":
        return state.say(replies.help(offeredCommands(state).join(" ")));
      case "VRFY":
        return state.say(replies.cannotVerify);
      case "QUIT":
        state.say(replies.bye);
        return state.close("quit");
      default:
        assert(false, `${verb} is never allowed`);
    }
  }

  #begin(command: Running): void {
    this.#running = command;
    this.#follow(command.next());
  }

  #resume(what: Resume): void {
    assert(this.#running !== null, "a command waits");
    this.#wait = null;
    this.#follow(this.#running.next(what));
  }

  /** A command has come as far as it can. */
  #follow({ done, value }: IteratorResult<Wait, void>): void {
    const state = this.#state;
    if (done || value === undefined) {
      this.#running = null;
      this.#wait = null;
      if (this.#isContentOpen) this.#patience.amidContent(state.now);
      else this.#patience.endContent(state.now);
      return this.#stopIfFree();
    }
    if (state.isClosed) return;
    this.#wait = value;
    if (value.kind === "tls") return this.#patience.handshake(state.now);
    if (value.kind === "bytes") this.#patience.content(state.now, 0);
    if (value.kind === "line" || value.kind === "bytes") return;
    if (value.kind === "lines") this.#linesAskedAt = state.now;
    if (state.input.length === 0) state.output.flush();
    state.output.push({ kind: "ask", ask: value });
  }

  /** RFC 5321 §3.8: 421 to whatever the client sent or will send. A message on its way in is finished first. */
  #stopIfFree(): void {
    if (!this.#isStopping || this.#isAmidMessage || this.#state.isCommitting) return;
    if (this.#wait?.kind !== "tls") this.#state.say(replies.shuttingDown(this.#state.hostname));
    this.#state.close("shutdown");
  }

  /** Chunks of one message share its time: however small they are, none begins it anew. */
  #grantTime(): void {
    if (this.#isContentOpen) this.#patience.amidContent(this.#state.now);
    else this.#patience.command(this.#state.now);
  }
}
