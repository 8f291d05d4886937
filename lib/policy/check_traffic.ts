/** Kinds of mail that a policy is asked about: what strangers, clients that log in and this machine itself may do.
 * A rule is tried on each as matchRule would, as far as that is known beforehand. */

import { assertNever } from "../fault.ts";
import { parseIp } from "../mail/ip.ts";
import { KeyIndex } from "../table/index.ts";
import { toAsciiKey } from "../mail/idna.ts";
import { lowerAscii } from "../table/service.ts";
import type { Service } from "../table/table.ts";
import { type About, type Literal, literalsOf } from "./check_literal.ts";
import type { Policy, Rule, TableName } from "./policy.ts";
import type { InetListener } from "./uses.ts";

/** One kind of mail. Null for what is not known, or is the sender's to choose. */
export interface Traffic {
  /** Peer address as text, or `local`. */
  readonly address: string;
  /** The address came out of an expansion. */
  readonly isInternal: boolean;
  /** Tag of the listener. */
  readonly tag: string | null;
  /** Somebody authenticated. */
  readonly isAuthenticated: boolean | null;
  /** Over TLS. */
  readonly tls: boolean | null;
  /** `user@domain`, `@` for none. */
  readonly sender: string | null;
  /** `user@domain`. */
  readonly dest: string;
}

/** What is known of a rule: `maybe` where it hangs on what is not. */
export type Verdict = "yes" | "no" | "maybe";

/** Addresses from far apart: a list of networks that holds them all is meant for everybody. */
const strangers: Readonly<Record<4 | 6, readonly string[]>> = {
  4: ["9.9.9.9", "80.69.157.84", "185.199.108.153", "211.1.230.6"],
  6: ["[2620:fe::fe]", "[2a00:1450:4001::1]", "[2001:200:dff:fff1::3]"],
};

/** An address of which no configuration speaks. */
const elsewhere = "somebody@nowhere-in-this-configuration.invalid";

/** What strangers that come through `listener` may try, to a recipient elsewhere. */
export function strangersAt(listener: InetListener): readonly Traffic[] {
  const isTls = listener.tls.mode;
  const version = parseIp(listener.address)?.version ?? 4;
  return strangers[version].map((address) => ({
    address,
    isInternal: false,
    tag: listener.tag,
    isAuthenticated: false,
    tls: isTls === "none" ? false : isTls === "offered" ? null : true,
    sender: null,
    dest: elsewhere,
  }));
}

/** What the machine itself sends elsewhere: reports to remote senders, and forwards of what came from outside. */
export const ownTraffic: Readonly<Record<"report" | "forward", Traffic>> = {
  report: {
    address: "local",
    isInternal: false,
    tag: null,
    isAuthenticated: null,
    tls: null,
    sender: "@",
    dest: elsewhere,
  },
  forward: {
    address: "local",
    isInternal: true,
    tag: null,
    isAuthenticated: null,
    tls: null,
    sender: null,
    dest: elsewhere,
  },
};

/** What of a rule's options is left to whoever sends: chosen by them, or taken as it is. */
export type Choice = "theirs" | "not theirs" | "unknown";

/** Tries rules on kinds of mail. */
export class TrafficJudge {
  readonly #policy: Policy;
  readonly #contents: ReadonlyMap<TableName, readonly string[]>;
  readonly #indices = new Map<TableName, KeyIndex | null>();
  readonly #literals = new Map<Rule, readonly Literal[]>();

  /** `contents` are the keys of tables in files, as far as they have been read. */
  constructor(policy: Policy, contents: ReadonlyMap<TableName, readonly string[]>) {
    this.#policy = policy;
    this.#contents = contents;
  }

  /** Does the rule match? `choice` decides tests of what a sender may choose: the sender's address and HELO. */
  judge(rule: Rule, traffic: Traffic, choice: Choice): Verdict {
    let literals = this.#literals.get(rule);
    if (literals === undefined) this.#literals.set(rule, literals = literalsOf(rule));
    let verdict: Verdict = "yes";
    for (const literal of literals) {
      const one = this.#test(literal, traffic, choice);
      if (one === "no") return "no";
      if (one === "maybe") verdict = "maybe";
    }
    return verdict;
  }

  /** Is `key` in the table? Null when its content is not known. */
  has(table: TableName, service: Service, key: string): boolean | null {
    let index = this.#indices.get(table);
    if (index === undefined) {
      const keys = this.keys(table);
      this.#indices.set(table, index = keys === null ? null : makeIndex(keys, this.#policy.smtp.subAddressDelimiter));
    }
    return index === null ? null : index.find(service, lowerAscii(key)) !== null;
  }

  /** The keys of a table; null when its content is not known. */
  keys(table: TableName): readonly string[] | null {
    const spec = this.#policy.tables[table];
    if (spec?.kind === "static") return spec.entries.map(([key]) => key);
    return this.#contents.get(table) ?? null;
  }

  #test({ atom, negated }: Literal, traffic: Traffic, choice: Choice): Verdict {
    switch (atom.kind) {
      case "external":
        return verdictOf(!traffic.isInternal, negated);
      case "socket":
        return verdictOf(traffic.address === "local" && !traffic.isInternal, negated);
      case "authenticated":
        return verdictOf(traffic.isAuthenticated, negated);
      case "tls":
        return verdictOf(traffic.tls, negated);
      case "named":
      case "hasName":
        // Strangers may or may not have a name, as they like.
        return traffic.address === "local" ? "maybe" : ofChoice(choice);
      case "table":
        break;
      default:
        assertNever(atom);
    }
    const { about, match, table } = atom;
    if (about === "username" && traffic.isAuthenticated === false) return verdictOf(false, negated);
    // No stranger of ours has a name that a configuration knows.
    if (about === "rdns") return negated ? "maybe" : "no";
    const text = textOf(about, traffic);
    if (text === null) return about === "username" || about === "tag" ? "maybe" : ofChoice(choice);
    const service = match === "username" ? "string" : match;
    // A table that cannot be looked into is taken to be a list of its owner's own names and networks.
    return verdictOf(this.has(table, service, text) ?? false, negated);
  }
}

function verdictOf(holds: boolean | null, negated: boolean): Verdict {
  if (holds === null) return "maybe";
  return holds !== negated ? "yes" : "no";
}

function ofChoice(choice: Choice): Verdict {
  return choice === "theirs" ? "yes" : choice === "not theirs" ? "no" : "maybe";
}

function textOf(about: Exclude<About, "rdns">, traffic: Traffic): string | null {
  switch (about) {
    case "tag":
      return traffic.tag;
    case "address":
      return traffic.isInternal ? "local" : traffic.address;
    case "domain":
      return traffic.dest.slice(traffic.dest.lastIndexOf("@") + 1);
    case "dest":
      return traffic.dest;
    case "sender":
      return traffic.sender;
    case "helo":
    case "username":
      return null;
  }
}

function makeIndex(written: readonly string[], delimiter: string): KeyIndex {
  const keys = [...written, ...written.map((key) => toAsciiKey(key, key.includes(".")))];
  const store = new Map(keys.map((key) => [lowerAscii(key), null]));
  for (const key of keys) store.set(key, null);
  return new KeyIndex({ get: (key) => store.get(key), keys: () => store.keys() }, delimiter);
}
