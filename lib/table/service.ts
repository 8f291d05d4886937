/** Services: how the keys of each match, and how the values of some read. */

import { assertNever, Fault } from "../fault.ts";
import type { Service } from "./table.ts";

/** How a key finds its entry. `exact` compares text; the others are described in match.ts and regex.ts. */
export type Matching = "exact" | "domain" | "netaddr" | "mailaddr" | "regex";

/** Longest key that can be looked up, characters. Longer ones are a fault, never "not found": under a negated
 * criterion "not found" would let a sender through. */
export const keyLengthMax = 1023;

/** The matching rule of a service. */
export function matchingOf(service: Service): Matching {
  switch (service) {
    case "alias":
    case "credentials":
    case "userinfo":
    case "source":
    case "mailaddrmap":
    case "addrname":
    case "relayhost":
    case "string":
    case "auth":
      return "exact";
    case "domain":
    case "netaddr":
    case "mailaddr":
    case "regex":
      return service;
    default:
      return assertNever(service);
  }
}

/** The form in which keys are compared: ASCII letters in lower case, all else untouched. Throws a Fault `malformed`
 * when the key is longer than `keyLengthMax`. `table` is for the message. */
export function normalizeKey(table: string, key: string): string {
  if (key.length > keyLengthMax) {
    throw new Fault("malformed", `Cannot look up in table ${table}: the key is longer than ${keyLengthMax} characters`);
  }
  return lowerAscii(key);
}

/** ASCII letters in lower case. Other letters stay: a map made on bytes and a table of text agree on it. */
export function lowerAscii(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 127) return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  }
  return text.toLowerCase();
}

/** The patterns in a value of service `mailaddrmap`: addresses that a user may send as, with commas. */
export function sendersOf(value: string): readonly string[] {
  return value.split(",").map((one) => one.trim()).filter((one) => one !== "");
}

/** A value of service `userinfo`. */
export interface Userinfo {
  /** 0 … 2^32-2. */
  readonly uid: number;
  /** 0 … 2^32-2. */
  readonly gid: number;
  /** Absolute path. */
  readonly home: string;
}

/** Longest path of a home, characters: PATH_MAX of Linux, less its NUL. */
export const homeLengthMax = 4095;

/** Reads `uid:gid:home`. Ids are decimal, 0 … 2^32-2. Null for anything else. */
export function parseUserinfo(value: string): Userinfo | null {
  const first = value.indexOf(":");
  const second = value.indexOf(":", first + 1);
  if (first < 0 || second < 0) return null;
  const uid = parseId(value.slice(0, first));
  const gid = parseId(value.slice(first + 1, second));
  const home = value.slice(second + 1);
  if (uid === null || gid === null || !isHome(home)) return null;
  return { uid, gid, home };
}

function isHome(path: string): boolean {
  return path.startsWith("/") && path.length <= homeLengthMax && !path.includes("\0");
}

/** Writes what `parseUserinfo` reads. */
export function formatUserinfo(info: Userinfo): string {
  return `${info.uid}:${info.gid}:${info.home}`;
}

/** Reads an id as chown(2) takes it; 2^32-1 means "leave it" there, so it is none. Null for anything but digits. */
export function parseId(text: string): number | null {
  if (!/^[0-9]{1,10}$/.test(text)) return null;
  const id = Number(text);
  return id < 0xffffffff ? id : null;
}
