/** Reads lib/daemon/imsg.ts: which messages pass between which roles. */

/** What one role says to another. */
export interface MessageKinds {
  readonly from: string;
  readonly to: string;
  /** In order of the file. */
  readonly kinds: readonly string[];
}

const roles = ["SmtpIn", "Lookup", "Queue", "Delivery", "Agent", "TableHost", "Verifier"];

/** `SmtpIn` to `smtp-in`. */
function roleName(name: string): string {
  return name.replace(/(?<=[a-z])([A-Z])/g, "-$1").toLowerCase();
}

/** The `kind`s of a type's members, and the interfaces that it is made of, without what lies deeper. */
function readMembers(text: string): { readonly kinds: readonly string[]; readonly names: readonly string[] } {
  const kinds: string[] = [];
  const names: string[] = [];
  let depth = 0;
  for (const [token, word] of text.matchAll(/[{}]|readonly kind: "(\w+)"|\b[A-Z]\w+/g)) {
    if (token === "{") depth++;
    else if (token === "}") depth--;
    else if (word !== undefined) {
      if (depth === 1) kinds.push(word);
    } else if (depth === 0) names.push(token);
  }
  return { kinds, names };
}

/** Every `XToY` type of the file. */
export function messageKinds(source: string): readonly MessageKinds[] {
  const text = `${source}\n`.replace(/\/\*[\s\S]*?\*\//g, "");
  const interfaces = new Map([...text.matchAll(/^export interface (\w+) (?:extends .* )?(\{[\s\S]*?^\})/gm)]
    .map(([, name = "", body = ""]) => [name, readMembers(body).kinds]));
  const pattern = new RegExp(
    `^export type (${roles.join("|")})To(${roles.join("|")}) =([\\s\\S]*?);\\n(?=\\n|export)`,
    "gm",
  );
  return [...text.matchAll(pattern)].map(([, from = "", to = "", body = ""]) => {
    const { kinds, names } = readMembers(body);
    return {
      from: roleName(from),
      to: roleName(to),
      kinds: [...names.flatMap((name) => interfaces.get(name) ?? []), ...kinds],
    };
  });
}
