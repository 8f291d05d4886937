/** Real in-memory tables for a policy, with faults on request. */

import type { Domain, Mailbox } from "../../lib/mail/address.ts";
import { Fault } from "../../lib/fault.ts";
import type { TableSource } from "../../lib/policy/expand.ts";
import type { ForwardFile } from "../../lib/policy/forward.ts";
import type { Origin } from "../../lib/policy/match.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import type { Rewriting } from "../../lib/policy/rewrite.ts";
import { StaticTable } from "../../lib/table/static.ts";
import type { Service, Table } from "../../lib/table/table.ts";
import { loadText, printAll } from "./config_fixture.ts";

/** What a test sees and decides of tables. */
export interface TestTables extends TableSource {
  /** Every look-up made: `service table key`. */
  readonly asked: string[];
}

/** The tables of `policy`. `users` fill `<getpwnam>`; names in `broken` fail at every look-up. */
export function tablesOf(
  policy: Policy,
  options: {
    readonly users?: readonly string[];
    readonly broken?: readonly string[];
    readonly files?: Readonly<Record<string, string>>;
    /** Senders of forwarded mail are rewritten. */
    readonly rewriting?: Rewriting;
    /** Names of peers, by address. */
    readonly names?: Readonly<Record<string, string>>;
    /** By user: the text of a .forward, or what its reading came to. */
    readonly forwards?: Readonly<Record<string, string | ForwardFile>>;
  } = {},
): TestTables {
  const asked: string[] = [];
  const tables = new Map<string, Table>();
  for (const spec of Object.values(policy.tables)) {
    const shape = spec.kind === "static" ? spec.shape : "map";
    const entries = spec.kind === "static"
      ? spec.entries
      : (options.users ?? []).map((user) => [user, `1000:1000:/home/${user}`] as const);
    tables.set(spec.name, new StaticTable(spec.name, shape, entries, policy.smtp.subAddressDelimiter));
  }
  return {
    asked,
    rewriting: options.rewriting ?? null,
    table(name) {
      const table = tables.get(name);
      if (table === undefined) throw new Error(`no table ${name}`);
      const ask = (service: Service, key: string): void => {
        asked.push(`${service} ${name} ${key}`);
        if (options.broken?.includes(name)) throw new Fault("unavailable", `Cannot read table ${name}: it is down`);
      };
      return {
        name,
        shape: table.shape,
        async check(service, key) {
          ask(service, key);
          return await table.check(service, key);
        },
        async lookup(service, key) {
          ask(service, key);
          return await table.lookup(service, key);
        },
        fetch: (service) => table.fetch(service),
        update: () => table.update(),
        close: () => table.close(),
      };
    },
    reverseName(address) {
      asked.push(`reverse ${address}`);
      return Promise.resolve(options.names?.[address] ?? null);
    },
    peerName(address) {
      asked.push(`peer ${address}`);
      const name = options.names?.[address] ?? null;
      return Promise.resolve({ name, forward: name === null ? "fail" : "pass" });
    },
    readForward({ name, home }) {
      asked.push(`forward ${home}`);
      const forward = options.forwards?.[name] ?? { kind: "absent" };
      return Promise.resolve(typeof forward === "string" ? { kind: "text", text: forward } : forward);
    },
    readInclude(path) {
      if (path === "/broken") return Promise.reject(new Fault("denied", "Cannot read /broken: permission denied"));
      return Promise.resolve(options.files?.[path] ?? null);
    },
  };
}

/** The policy of a text that has no errors. */
export function policyOf(text: string): Policy {
  const result = loadText(text);
  if (result.kind === "errors") throw new Error(printAll(result.errors));
  return result.policy;
}

/** `local@domain`, not checked. */
export function mailbox(text: string): Mailbox {
  const at = text.lastIndexOf("@");
  return { localPart: text.slice(0, at), domain: text.slice(at + 1) as Domain };
}

/** A client at `address`. */
export function originAt(address: string, tag = ""): Origin {
  return {
    address,
    hostname: "client.test",
    helo: "client.test",
    smtpName: "mx.example.org",
    tag,
    username: "",
    tls: false,
  };
}
