/** Which lines of the configuration made what of a policy: checks of the policy point at them. */

import type { Declared, Directive, ListenDirective, MatchDirective } from "./ast.ts";
import { placeOf, type Span } from "./error.ts";
import type { Place, Policy, Rule } from "./policy.ts";
import { join } from "./reader.ts";

/** Finds the lines of a policy. */
export class ConfigLines {
  readonly #directives: readonly Directive[];
  readonly #matches = new Map<Rule, MatchDirective>();

  /** `directives` are those that `policy` was made of. */
  constructor(policy: Policy, directives: readonly Directive[]) {
    this.#directives = directives;
    const lines = directives.filter((one): one is MatchDirective => one.kind === "match");
    for (const [index, rule] of policy.rules.entries()) {
      const line = lines[index];
      if (line !== undefined) this.#matches.set(rule, line);
    }
  }

  /** The `match` line of a rule, from its first word to its last. */
  rule(rule: Rule): Span {
    const line = this.#matches.get(rule);
    if (line === undefined) return this.#first();
    const last = line.action?.span ?? line.options.at(-1)?.span ?? line.span;
    return isBehind(line.span, last) ? join(line.span, last) : line.span;
  }

  /** The `for` of a rule, or the whole of it when it has none. */
  ruleFor(rule: Rule): Span {
    const line = this.#matches.get(rule);
    return line?.options.find((one) => one.kind.startsWith("for-"))?.span ?? this.rule(rule);
  }

  /** The tag of a rule, or the whole of it. */
  ruleTag(rule: Rule): Span {
    const option = this.#matches.get(rule)?.options.find((one) => one.kind === "tag");
    return option !== undefined && "pattern" in option ? option.span : this.rule(rule);
  }

  /** The `listen` line of that place. */
  listen(place: Place): { readonly span: Span; readonly line: ListenDirective | null } {
    for (const one of this.#directives) {
      if (one.kind !== "listen" || !isSame(placeOf(one.span), place)) continue;
      const last = one.on?.span ?? one.span;
      return { span: isBehind(one.span, last) ? join(one.span, last) : one.span, line: one };
    }
    return { span: this.#first(), line: null };
  }

  /** The first word of the line at a place; null when no line begins there. */
  at(place: Place): Span | null {
    return this.#directives.find((one) => isSame(placeOf(one.span), place))?.span ?? null;
  }

  /** The name that a line declares. */
  declaration(kind: Declared, name: string): Span {
    for (const one of this.#directives) {
      if (one.kind === kind && "name" in one && one.name !== null && sameName(kind, one.name.text, name)) {
        return one.name.span;
      }
    }
    return this.#first();
  }

  /** The word of a `pki` or `ca` line that gives a path. */
  certificate(kind: "pki" | "ca", name: string, part: "cert" | "key"): Span {
    for (const one of this.#directives) {
      if (one.kind !== kind || one.name.text.toLowerCase() !== name.toLowerCase()) continue;
      if (one.kind === "ca") return one.cert.span;
      const found = one.parts.findLast((other) => other.kind === part);
      if (found !== undefined) return found.word.span;
    }
    return this.declaration(kind, name);
  }

  /** Where a table's `table` line says what it is, or an option that holds an anonymous one. */
  tableContent(name: string): Span {
    for (const one of this.#directives) {
      if (one.kind !== "table" || one.name.text !== name) continue;
      return one.content.kind === "config" ? one.content.word.span : one.name.span;
    }
    return this.#first();
  }

  /** The value of a table's entry, or its key in a list; where the table is declared for one without a name. */
  tableEntry(name: string, key: string): Span {
    for (const one of this.#directives) {
      if (one.kind !== "table" || one.name.text !== name || one.content.kind !== "items") continue;
      const { items } = one.content;
      const found = items.shape === "list"
        ? items.entries.find(({ text }) => text === key)
        : items.entries.findLast(([{ text }]) => text === key)?.[1];
      if (found !== undefined) return found.span;
    }
    return this.tableContent(name);
  }

  /** The user that an action names. */
  actionUser(name: string): Span {
    for (const one of this.#directives) {
      if (one.kind !== "action" || one.name.text !== name) continue;
      const option = one.options.find((each) => each.kind === "user");
      if (option?.kind === "user") return option.user.span;
    }
    return this.declaration("action", name);
  }

  #first(): Span {
    return this.#directives[0]!.span;
  }
}

/** The line of a place as people say it, seen from another place. */
export function lineName(place: Place, from: Place): string {
  return place.file === from.file ? `line ${place.line}` : `${place.file}:${place.line}`;
}

/** Several of them: `line 3`, `lines 3 and 5`. Each line once. */
export function lineNames(places: readonly Place[], from: Place): string {
  const names = [...new Set(places.map((one) => lineName(one, from)))];
  const isLocal = names.every((one) => one.startsWith("line "));
  const words = isLocal && names.length > 1 ? names.map((one) => one.slice("line ".length)) : names;
  const list = words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
  return isLocal && names.length > 1 ? `lines ${list}` : list;
}

function isBehind(first: Span, last: Span): boolean {
  return last.source === first.source && last.end >= first.end;
}

function isSame(a: Place, b: Place): boolean {
  return a.file === b.file && a.line === b.line && a.column === b.column;
}

function sameName(kind: Declared, a: string, b: string): boolean {
  return kind === "pki" || kind === "ca" ? a.toLowerCase() === b.toLowerCase() : a === b;
}
