/** What a table stores of a user's password: the forms that are read, and the bounds of what they may cost. Pure. */

import { Buffer } from "node:buffer";

/** What a login is held against. Octets are raw. */
export type StoredPassword =
  /** The password itself, written `{PLAIN}password`. */
  | { readonly kind: "plain"; readonly password: string }
  /** `$2a$`, `$2b$`, `$2x$` is not read, `$2y$`: 22 characters of salt, 31 of digest. */
  | { readonly kind: "bcrypt"; readonly cost: number; readonly salt: Uint8Array; readonly digest: string }
  /** `$argon2id$v=19$m=65536,t=3,p=1$salt$digest`. */
  | {
    readonly kind: "argon2id";
    readonly memoryKib: number;
    readonly passes: number;
    readonly lanes: number;
    readonly salt: Uint8Array;
    readonly digest: Uint8Array;
  }
  /** `$5$` and `$6$` of crypt(3). `setting` is all before the last `$`. */
  | { readonly kind: "shaCrypt"; readonly setting: string; readonly rounds: number; readonly digest: string }
  /** `$scrypt$ln=16,r=8,p=1$salt$digest`, as passlib writes it. */
  | {
    readonly kind: "scrypt";
    readonly n: number;
    readonly r: number;
    readonly p: number;
    readonly salt: Uint8Array;
    readonly digest: Uint8Array;
  }
  | ({ readonly kind: "scram" } & ScramVerifier);

/** What SCRAM-SHA-256 stores instead of a password (RFC 5802 §3): who has it can check a login and make none. Written
 * `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` (RFC 5803), as PostgreSQL does, or as Dovecot does
 * `{SCRAM-SHA-256}iterations,salt,StoredKey,ServerKey`. */
export interface ScramVerifier {
  /** Rounds of PBKDF2. */
  readonly iterations: number;
  /** At least one octet. */
  readonly salt: Uint8Array;
  /** 32 octets. */
  readonly storedKey: Uint8Array;
  /** 32 octets. */
  readonly serverKey: Uint8Array;
}

/** What cannot be used: why, and what to do about it, for people. Never holds what was stored. */
export interface StoredProblem {
  /** Tells it from a password. */
  readonly kind: "problem";
  /** A clause, such as `its hash is yescrypt, which cannot be checked here`. */
  readonly message: string;
  /** What to do. */
  readonly hint: string;
}

/** Most that a check may cost. Each comes to about a second or two on a machine of today. */
export const storedBounds = {
  /** bcrypt: log2 of its rounds. */
  bcryptCostMax: 14,
  /** argon2id: KiB of memory. */
  argonMemoryMax: 256 * 1024,
  /** argon2id: KiB of memory times passes. */
  argonWorkMax: 1024 * 1024,
  /** argon2id: lanes. */
  argonLanesMax: 16,
  /** SHA-crypt: rounds; fewer than `shaRoundsMin` do not exist. */
  shaRoundsMax: 500_000,
  /** SHA-crypt: fewest rounds that crypt(3) knows. */
  shaRoundsMin: 1000,
  /** scrypt: octets of memory, 128 N r. */
  scryptMemoryMax: 256 * 1024 * 1024,
  /** scrypt: N r p. */
  scryptWorkMax: 8 * 1024 * 1024,
  /** SCRAM and PBKDF2: rounds. */
  scramIterationsMax: 1_000_000,
  /** RFC 7677 §4. */
  scramIterationsMin: 4096,
} as const;

/** What to do about a form that is none of ours. */
const makeAnother = "make another with `smtpctl encrypt`";

/** Reads what a table stores. Total. */
export function parseStored(text: string): StoredPassword | StoredProblem {
  if (/^\{PLAIN\}/i.test(text)) return parsePlain(text.slice("{PLAIN}".length));
  if (text.startsWith("SCRAM-SHA-256$") || /^\{SCRAM-SHA-256\}/i.test(text)) return parseScram(text);
  // Dovecot and Cyrus name the scheme of what names itself.
  const bare = text.replace(/^\{(CRYPT|BLF-CRYPT|SHA256-CRYPT|SHA512-CRYPT|ARGON2ID)\}/i, "");
  if (/^\$2[aby]\$/.test(bare)) return parseBcrypt(bare);
  if (bare.startsWith("$argon2id$")) return parseArgon(bare);
  if (/^\$[56]\$/.test(bare)) return parseShaCrypt(bare);
  if (bare.startsWith("$scrypt$")) return parseScrypt(bare);
  return problem(nameForm(text), makeAnother);
}

/** Rounds of SHA-crypt without `rounds=`. */
const shaRoundsDefault = 5000;

/** Why a text is no form that is read. */
function nameForm(text: string): string {
  if (/^\$(y|gy)\$/.test(text)) return "its hash is yescrypt, which cannot be checked here";
  if (text.startsWith("$7$")) return "its hash is scrypt in the form of crypt(3), which cannot be checked here";
  if (/^\$1\$|^\$apr1\$/.test(text)) return "its hash is MD5, which is too weak";
  if (/^\$argon2[di]\$/.test(text)) return "its hash is Argon2 of a kind that is not read: only argon2id is";
  if (text.startsWith("$2x$")) return "its hash is of a faulty bcrypt ($2x$)";
  if (/^[!*]/.test(text)) return "it is locked";
  if (text === "") return "it has no password";
  if (/^\{[^}]*\}/.test(text)) return `its scheme ${/^\{[^}]{1,32}\}/.exec(text)?.[0] ?? ""} is not known`;
  return "its password is no hash that is known; one in clear text is written {PLAIN}password";
}

function problem(message: string, hint: string): StoredProblem {
  return { kind: "problem", message, hint };
}

function malformed(form: string): StoredProblem {
  return problem(`its hash is no whole ${form} hash`, makeAnother);
}

function tooCostly(what: string): StoredProblem {
  return problem(`its hash costs too much to check: ${what}`, makeAnother);
}

function parsePlain(password: string): StoredPassword | StoredProblem {
  return password === "" ? problem("it has no password", makeAnother) : { kind: "plain", password };
}

function parseBcrypt(text: string): StoredPassword | StoredProblem {
  const match = /^\$2[aby]\$([0-9]{2})\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/.exec(text);
  const [, costText = "", salt = "", digest = ""] = match ?? [];
  const cost = Number(costText);
  if (match === null || cost < 4 || cost > 31) return malformed("bcrypt");
  if (cost > storedBounds.bcryptCostMax) return tooCostly(`cost ${cost} of at most ${storedBounds.bcryptCostMax}`);
  return { kind: "bcrypt", cost, salt: decodeBcryptSalt(salt), digest };
}

const bcryptDigits = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const baseDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** 22 characters of bcrypt's own base 64 make 16 octets. */
function decodeBcryptSalt(text: string): Uint8Array {
  const usual = [...text].map((char) => baseDigits[bcryptDigits.indexOf(char)] ?? "A").join("");
  return new Uint8Array(Buffer.from(usual, "base64"));
}

/** The 22 characters of 16 octets of salt. */
export function encodeBcryptSalt(salt: Uint8Array): string {
  const usual = Buffer.from(salt).toString("base64").replace(/=+$/, "");
  return [...usual].map((char) => bcryptDigits[baseDigits.indexOf(char)] ?? ".").join("");
}

function parseArgon(text: string): StoredPassword | StoredProblem {
  const match = /^\$argon2id\$v=19\$m=([0-9]{1,9}),t=([0-9]{1,9}),p=([0-9]{1,9})\$([^$]+)\$([^$]+)$/.exec(text);
  const [memoryKib = 0, passes = 0, lanes = 0] = (match ?? []).slice(1, 4).map(Number);
  const [salt, digest] = [fromBase(match?.[4] ?? ""), fromBase(match?.[5] ?? "")];
  if (match === null || salt === null || digest === null || passes < 1 || lanes < 1) return malformed("argon2id");
  if (salt.length < 8 || salt.length > 64 || digest.length < 16 || digest.length > 64) return malformed("argon2id");
  if (memoryKib < 8 * lanes) return malformed("argon2id");
  const { argonMemoryMax, argonWorkMax, argonLanesMax } = storedBounds;
  if (memoryKib > argonMemoryMax) return tooCostly(`${memoryKib} KiB of at most ${argonMemoryMax}`);
  if (memoryKib * passes > argonWorkMax) return tooCostly(`m times t is over ${argonWorkMax}`);
  if (lanes > argonLanesMax) return tooCostly(`${lanes} lanes of at most ${argonLanesMax}`);
  return { kind: "argon2id", memoryKib, passes, lanes, salt, digest };
}

function parseShaCrypt(text: string): StoredPassword | StoredProblem {
  const match = /^(\$([56])\$(?:rounds=([0-9]{1,9})\$)?[^$:\n]{1,16})\$([./A-Za-z0-9]+)$/.exec(text);
  const [, setting = "", kind = "", roundsText, digest = ""] = match ?? [];
  const rounds = roundsText === undefined ? shaRoundsDefault : Number(roundsText);
  if (match === null || digest.length !== (kind === "5" ? 43 : 86)) return malformed("SHA-crypt");
  if (rounds < storedBounds.shaRoundsMin) return malformed("SHA-crypt");
  if (rounds > storedBounds.shaRoundsMax) return tooCostly(`${rounds} rounds of at most ${storedBounds.shaRoundsMax}`);
  return { kind: "shaCrypt", setting, rounds, digest };
}

function parseScrypt(text: string): StoredPassword | StoredProblem {
  const match = /^\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,4}),p=([0-9]{1,4})\$([^$]+)\$([^$]+)$/.exec(text);
  const [ln = 0, r = 0, p = 0] = (match ?? []).slice(1, 4).map(Number);
  const [salt, digest] = [fromBase(match?.[4] ?? ""), fromBase(match?.[5] ?? "")];
  if (match === null || salt === null || digest === null || ln < 1 || r < 1 || p < 1) return malformed("scrypt");
  if (salt.length > 64 || digest.length < 16 || digest.length > 64) return malformed("scrypt");
  const n = 2 ** ln;
  const { scryptMemoryMax, scryptWorkMax } = storedBounds;
  if (128 * n * r > scryptMemoryMax) return tooCostly(`ln=${ln},r=${r} takes over ${scryptMemoryMax >> 20} MiB`);
  if (n * r * p > scryptWorkMax) return tooCostly(`ln=${ln},r=${r},p=${p}`);
  return { kind: "scrypt", n, r, p, salt, digest };
}

function parseScram(text: string): StoredPassword | StoredProblem {
  const match = /^SCRAM-SHA-256\$([0-9]{1,9}):([^$:]+)\$([^$:]+):([^$:]+)$/.exec(text) ??
    /^\{SCRAM-SHA-256\}([0-9]{1,9}),([^,]+),([^,]+),([^,]+)$/i.exec(text);
  const iterations = Number(match?.[1] ?? 0);
  const [salt, storedKey, serverKey] = [match?.[2], match?.[3], match?.[4]].map((part) => fromBase(part ?? ""));
  if (match === null || !salt || salt.length > 64 || storedKey?.length !== 32 || serverKey?.length !== 32) {
    return malformed("SCRAM-SHA-256");
  }
  const { scramIterationsMin, scramIterationsMax } = storedBounds;
  if (iterations < scramIterationsMin) return problem(`its ${iterations} iterations are too few`, makeAnother);
  if (iterations > scramIterationsMax) return tooCostly(`${iterations} iterations of at most ${scramIterationsMax}`);
  return { kind: "scram", iterations, salt, storedKey, serverKey };
}

/** Base 64 with its padding or without. Null when it is none, or empty. */
function fromBase(text: string): Uint8Array | null {
  const bare = text.replace(/={1,2}$/, "");
  if (!/^[A-Za-z0-9+/]+$/.test(bare) || bare.length % 4 === 1) return null;
  return new Uint8Array(Buffer.from(bare, "base64"));
}

/** The password part of a value of service credentials: `user:password`, or the password alone. What names its scheme
 * has colons of its own. Null for what is none. */
export function passwordPart(value: string): string | null {
  if (/^(SCRAM-SHA-256\$|\{|\$)/.test(value)) return value;
  if (value.length < 3 || value.startsWith(":") || value.endsWith(":")) return null;
  const colon = value.indexOf(":");
  return colon < 0 ? value : value.slice(colon + 1);
}
