/** lookup's part in logging in: it runs the SASL exchanges, finds what is stored of a user, and has it checked where
 * nobody else waits. Failures are counted for each source, and answered late. */

import { Buffer } from "node:buffer";
import type { Clock, Digests, Random } from "../port.ts";
import { type Log, scrub } from "../event_log.ts";
import { Fault } from "../fault.ts";
import type { TableSource } from "../policy/expand.ts";
import { mechanismsOf } from "../policy/mechanism.ts";
import type { Policy, TableName } from "../policy/policy.ts";
import type { AuthResult } from "../smtp/session_face.ts";
import { AuthFailures, type AuthLevel, authSourceOf } from "../trust/auth_limit.ts";
import {
  beginSasl,
  parseMechanism,
  type SaslEffect,
  type SaslEvent,
  type SaslMechanism,
  type SaslServer,
} from "../trust/sasl.ts";
import {
  parseStored,
  passwordPart,
  type ScramVerifier,
  type StoredPassword,
  type StoredProblem,
} from "../trust/stored_password.ts";
import { scramVerifierOf } from "../trust/credentials.ts";
import { ScramDecoys } from "../trust/scram_decoy.ts";
import { holderOf, type ShownCertificate, shownCertificate } from "./certificate_holder.ts";
import type { CheckResult, PasswordChecks } from "./password_checks.ts";
import type { SessionEntry } from "./session_book.ts";
import type { AskedLogin } from "./session_desk.ts";
import { decoyStored } from "./verifier.ts";

/** What it is given. */
export interface AuthenticationPorts {
  /** Times failures. */
  readonly clock: Pick<Clock, "monotonic" | "after">;
  /** Nonces, and what delays are jittered by. */
  readonly random: Random;
  /** For SCRAM. */
  readonly digests: Digests;
  /** Listeners and limits. */
  readonly policy: Policy;
  /** Where credentials are. */
  readonly tables: Pick<TableSource, "table">;
  /** Who checks passwords. */
  readonly checks: Pick<PasswordChecks, "check" | "salted">;
  /** For what an administrator has to see to; never holds a password. */
  readonly log: Log;
}

interface Exchange {
  readonly server: SaslServer;
  readonly mechanism: SaslMechanism;
  readonly table: TableName | null;
  /** For EXTERNAL. */
  readonly external: ShownCertificate | null;
  /** What failures are counted under; null for nothing. */
  readonly source: string | null;
  /** The step that is next. */
  step: number;
  /** The last step is not answered yet. */
  isBusy: boolean;
  /** An attempt has been counted. */
  isCounted: boolean;
}

type Question = Extract<SaslEffect, { readonly kind: "check" | "fetch" | "identify" }>;
type Ending = Exclude<SaslEffect, Question | { readonly kind: "challenge" }>;
type Begun = Pick<AskedLogin["ask"], "mechanism" | "certificate">;

/** The part. */
export class Authentication {
  readonly #ports: AuthenticationPorts;
  readonly #failures: AuthFailures;
  /** Those under way, at most one for each session: who is forgotten has none. */
  readonly #exchanges = new WeakMap<SessionEntry, Exchange>();
  /** What the last user that was found in a table has stored: an unknown one is to cost as much. */
  readonly #decoys = new Map<TableName, string>();
  /** Users whose stored password is of no use, and sources that are shut out, as far as they were told of. */
  readonly #told = new Set<string>();
  /** What SCRAM says of users that are not there. */
  readonly #scramDecoys: ScramDecoys;
  /** Tables whose last user had a password in clear text, for whom SCRAM's challenge takes a verifier's time. */
  readonly #clear = new Set<TableName>();

  /** Nobody has tried yet. */
  constructor(ports: AuthenticationPorts) {
    this.#ports = ports;
    this.#failures = new AuthFailures(ports.policy.smtp);
    this.#scramDecoys = new ScramDecoys(ports.random.bytes(32), ports.digests);
  }

  /** One step of an exchange. */
  async authenticate({ entry, listener, address, ask }: Omit<AskedLogin, "session">): Promise<AuthResult> {
    if (ask.step === 0) this.#begin(entry, listener, address, ask);
    const exchange = this.#exchanges.get(entry);
    // Only a role that is not itself any more asks so.
    const isDue = exchange !== undefined && !exchange.isBusy && exchange.step === ask.step;
    if (!isDue || exchange.mechanism !== parseMechanism(ask.mechanism)) {
      this.#exchanges.delete(entry);
      return { kind: "failed", username: "" };
    }
    exchange.step++;
    exchange.isBusy = true;
    const result = await this.#follow(exchange, { kind: "response", text: ask.response });
    exchange.isBusy = false;
    if (result.kind === "challenge") return result;
    // What was given up meanwhile comes to nothing.
    const isOver = this.#exchanges.get(entry) !== exchange;
    if (!isOver) this.#exchanges.delete(entry);
    return isOver && result.kind === "accepted" ? { kind: "failed", username: "" } : result;
  }

  /** Failures of each source, for the lookup that follows this one. */
  levels(): readonly AuthLevel[] {
    return this.#failures.levels(this.#ports.clock.monotonic());
  }

  /** Takes the failures that the lookup before this one has counted. */
  inherit(levels: readonly AuthLevel[]): void {
    this.#failures.inherit(levels, this.#ports.clock.monotonic());
  }

  #begin(entry: SessionEntry, index: number, address: string, { mechanism: name, certificate }: Begun): void {
    this.#exchanges.delete(entry);
    const { policy, digests, random } = this.#ports;
    const listener = policy.listeners[index];
    const mechanism = parseMechanism(name);
    if (listener?.kind !== "inet" || listener.auth.mode === "none" || mechanism === null) return;
    if (!mechanismsOf(listener).includes(mechanism)) return;
    const nonce = Buffer.from(random.bytes(18)).toString("base64");
    this.#exchanges.set(entry, {
      server: beginSasl(mechanism, { digests, nonce }),
      mechanism,
      table: listener.auth.table,
      external: shownCertificate(listener.auth.external, certificate),
      source: authSourceOf(address, policy.smtp.except?.networks ?? []),
      step: 0,
      isBusy: false,
      isCounted: false,
    });
  }

  async #follow(exchange: Exchange, first: SaslEvent): Promise<AuthResult> {
    let effect = exchange.server.step(first);
    for (;;) {
      switch (effect.kind) {
        case "challenge":
          return effect;
        case "check":
        case "fetch":
        case "identify":
          if (!this.#count(exchange)) return { kind: "limited", username: effect.username };
          effect = exchange.server.step(await this.#answer(exchange, effect));
          break;
        default:
          return await this.#end(exchange, effect);
      }
    }
  }

  async #answer(exchange: Exchange, effect: Question): Promise<SaslEvent> {
    const { table, external } = exchange;
    try {
      if (effect.kind === "identify") return { kind: "identified", username: await this.#holderOf(external) };
      if (effect.kind === "fetch") {
        return { kind: "fetched", verifier: table === null ? null : await this.#verifierOf(table, effect.username) };
      }
      const { username, password } = effect;
      const { result, problem } = await this.#check(table, username, password);
      if (problem !== null && result === "failed") this.#tell("passwords-unchecked", { reason: problem });
      else if (problem !== null) {
        this.#tell("password-unusable", { user: username, table: table ?? "", reason: problem });
      }
      return { kind: "checked", result };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const reason = error.message;
      this.#ports.log({ priority: "err", session: "", from: "lookup", what: "table", fields: { reason } });
      if (effect.kind === "identify") return { kind: "failed" };
      return effect.kind === "fetch" ? { kind: "fetched", verifier: null } : { kind: "checked", result: "failed" };
    }
  }

  /** The user whose certificate it is; null when it is nobody's. */
  async #holderOf(shown: ShownCertificate | null): Promise<string | null> {
    const { username, problem: reason } = await holderOf(shown, this.#ports.tables);
    if (shown !== null && reason !== null) {
      this.#tell("certificate-unusable", { fingerprint: shown.certificate, table: shown.table, reason });
    }
    return username;
  }

  /** Counts an attempt. False when the source has failed too often. */
  #count(exchange: Exchange): boolean {
    const { source } = exchange;
    if (source === null || exchange.isCounted) return true;
    exchange.isCounted = this.#failures.begin(source, this.#ports.clock.monotonic());
    if (!exchange.isCounted) this.#tell("auth-limit", { source });
    else this.#told.delete(keyOf("auth-limit", { source }));
    return exchange.isCounted;
  }

  async #end(exchange: Exchange, effect: Ending): Promise<AuthResult> {
    const { clock, random } = this.#ports;
    const { source } = exchange;
    switch (effect.kind) {
      case "accepted":
      case "failed":
        if (source !== null && exchange.isCounted) this.#failures.forgive(source, clock.monotonic());
        break;
      case "refused":
        this.#count(exchange);
        await this.#wait(this.#failures.delayMs(source ?? "", clock.monotonic(), random.u32() / 2 ** 32));
        break;
    }
    return effect;
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#ports.clock.after(delayMs, resolve));
  }

  async #check(table: TableName | null, username: string, password: string): Promise<CheckResult> {
    const { checks, policy, tables } = this.#ports;
    if (table === null) return await checks.check({ kind: "system", username, password });
    if (policy.tables[table]?.kind === "proc") {
      const said = await this.#askHelper(table, username, password);
      if (said !== null) return { result: said ? "right" : "wrong", problem: null };
    }
    const value = await tables.table(table).lookup("credentials", username);
    const stored = value === null ? null : passwordPart(value);
    const read = stored === null ? null : parseStored(stored);
    if (stored !== null && read?.kind !== "problem") {
      this.#decoys.set(table, stored);
      return await checks.check({ kind: "check", stored, password, isDecoy: false });
    }
    // What cannot be checked takes as long as who is not there.
    const decoy = this.#decoys.get(table) ?? decoyStored;
    const { result, problem } = await checks.check({ kind: "check", stored: decoy, password, isDecoy: true });
    if (value === null || result === "failed") return { result, problem };
    return { result, problem: read?.kind === "problem" ? `${read.message}; ${read.hint}` : noPassword };
  }

  /** Asks a helper that checks passwords itself; null when this one does not. */
  async #askHelper(table: TableName, username: string, password: string): Promise<boolean | null> {
    // The helper could not tell where the name ends.
    if (username.includes(":")) return false;
    try {
      return await this.#ports.tables.table(table).check("auth", `${username}:${password}`);
    } catch (error) {
      if (error instanceof Fault && error.kind === "unsupported") return null;
      throw error;
    }
  }

  /** What SCRAM needs of a user. One that is not there, or has another hash, gets a verifier that no password fits, with
   * the salt and the iterations that he would always get (RFC 5802 §9). Null when nobody can say now. */
  async #verifierOf(table: TableName, username: string): Promise<ScramVerifier | null> {
    const { tables, checks, digests, random } = this.#ports;
    const value = await tables.table(table).lookup("credentials", username);
    const text = value === null ? null : passwordPart(value);
    const stored = text === null ? null : parseStored(text);
    if (stored?.kind === "scram" || stored?.kind === "plain") {
      this.#clear[stored.kind === "plain" ? "add" : "delete"](table);
    }
    if (stored?.kind === "scram") {
      this.#scramDecoys.found(table, stored.iterations);
      return stored;
    }
    const setting = this.#scramDecoys.settingOf(table, username);
    if (stored?.kind === "plain") {
      const salted = await checks.salted(stored.password.normalize("NFC"), setting.salt, setting.iterations);
      return salted === null ? null : scramVerifierOf(salted, setting, digests);
    }
    if (value !== null) {
      this.#tell("password-unusable", { user: username, table, reason: whyNoVerifier(stored) });
    }
    if (this.#clear.has(table)) {
      // A user would have cost as much, and could not have been served now either.
      if (await checks.salted("decoy", setting.salt, setting.iterations) === null) return null;
    }
    return { ...setting, storedKey: random.bytes(32), serverKey: random.bytes(32) };
  }

  /** Logs what an administrator is to see to, once. */
  #tell(what: string, fields: Readonly<Record<string, string>>): void {
    const key = keyOf(what, fields);
    if (this.#told.has(key)) return;
    // What was told long ago may be told again.
    if (this.#told.size >= toldMax) this.#told.clear();
    this.#told.add(key);
    const shown = Object.fromEntries(Object.entries(fields).map(([name, text]) => [name, scrub(text)]));
    this.#ports.log({ priority: "warning", session: "", from: "lookup", what, fields: shown });
  }
}

const noPassword = "its entry is not user:password";

/** `stored` is what a user has who is there; null for what is no password at all. */
function whyNoVerifier(stored: StoredPassword | StoredProblem | null): string {
  const advice = "SCRAM needs a verifier: `smtpctl encrypt --method scram`";
  if (stored === null) return noPassword;
  return stored.kind === "problem" ? `${stored.message}; ${advice}` : advice;
}

/** Most things of which it is remembered that they were told. */
const toldMax = 1000;

function keyOf(what: string, fields: Readonly<Record<string, string>>): string {
  return JSON.stringify([what, fields]);
}
