/** Who calls sendmail, and on which machine. */

import type { Domain } from "../lib/mail/address.ts";
import { parseDomain } from "../lib/mail/domain.ts";
import { environment } from "./state.ts";

/** The caller. */
export interface User {
  /** Name in the system, `anonymous` when there is none. */
  readonly login: string;
  /** Full name of passwd(5), null for none. */
  readonly fullName: string | null;
  /** Home directory, absolute; null for none. */
  readonly home: string | null;
}

/** A caller of whom nothing is known. */
export const unknownUser: User = { login: "anonymous", fullName: null, home: null };

/** The caller, of the system's user list and the environment. Never fails. */
export function currentUser(): User {
  const passwd = readText("/etc/passwd") ?? "";
  const names = [environment("LOGNAME"), environment("USER")].filter((name) => name !== null);
  const user = findUser(passwd, Deno.uid() ?? -1, names);
  const home = environment("HOME") ?? user.home;
  return { ...user, home: home !== null && home.startsWith("/") ? home : null };
}

/** The user of passwd(5) text that a process of this uid is. `names` are what the environment says: one of them
 * counts when it is a name of this uid, any user's name for root, and any name for a uid that the text does not
 * have (users may be kept elsewhere). */
export function findUser(passwd: string, uid: number, names: readonly string[]): User {
  const entries = passwd.split("\n").map((line) => line.split(":")).filter((fields) => fields.length >= 6);
  const named = entries.filter((fields) => names.includes(fields[0] ?? ""));
  const own = entries.filter((fields) => fields[2] === String(uid));
  const entry = named.find((fields) => uid === 0 || fields[2] === String(uid)) ?? own[0];
  if (entry !== undefined) {
    const [login = "", , , , gecos = "", home = ""] = entry;
    return { login, fullName: fullNameOf(gecos, login), home: home.startsWith("/") ? home : null };
  }
  const login = named.length > 0 ? undefined : names.find((name) => /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name));
  return login === undefined ? unknownUser : { ...unknownUser, login };
}

/** Our own domain: /etc/mailname, else the machine's name. Null when neither is a domain. */
export function localHost(): Domain | null {
  const mailname = readText("/etc/mailname")?.split("\n")[0]?.trim() ?? "";
  return parseDomain(mailname) ?? parseDomain(Deno.hostname());
}

/** passwd(5): the full name ends at the first comma, and `&` stands for the login name with a capital. */
function fullNameOf(gecos: string, login: string): string | null {
  const capital = login.charAt(0).toUpperCase() + login.slice(1);
  const name = (gecos.split(",")[0] ?? "").replaceAll("&", capital).trim();
  return name === "" ? null : name;
}

function readText(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}
