/** `mechanisms` and `auth-external` of a `listen` line: which SASL mechanisms it offers. */

import { parseMechanism, type SaslMechanism, saslMechanisms } from "../trust/sasl.ts";
import type { ListenOption } from "./ast.ts";
import { suggest } from "./error.ts";
import type { ListenerAuth } from "./policy.ts";
import { resolveTable } from "./resolve_table.ts";
import { fail, type Scope } from "./scope.ts";

/** The authentication of a listener with the mechanisms that its line names, if it names any. */
export function resolveMechanisms(scope: Scope, options: readonly ListenOption[], auth: ListenerAuth): ListenerAuth {
  return resolveNames(scope, options, resolveExternal(scope, options, auth));
}

/** Certificates are shown under TLS only, and their holders are known by authorities of ours: what a client has made
 * itself says nothing. */
function resolveExternal(scope: Scope, options: readonly ListenOption[], auth: ListenerAuth): ListenerAuth {
  const option = options.find((one) => one.kind === "auth-external");
  if (option === undefined) return auth;
  const external = resolveTable(scope, option.table, "auth-external", false);
  if (auth.mode === "none") {
    const hint = 'add `auth <TABLE>` or `auth-optional <TABLE>`; `mechanisms "EXTERNAL"` takes no passwords';
    fail(scope, option.span, "invalid listen option: auth-external requires auth", hint);
    return auth;
  }
  if (!options.some(({ kind }) => kind === "ca")) {
    const hint = 'name whose certificates are good: ca NAME, after a line such as ca NAME cert "PATH"';
    fail(scope, option.span, "invalid listen option: auth-external requires ca", hint);
  }
  return { ...auth, external };
}

function resolveNames(scope: Scope, options: readonly ListenOption[], auth: ListenerAuth): ListenerAuth {
  const option = options.find((one) => one.kind === "mechanisms");
  if (option === undefined) return auth;
  const { names: { text, span } } = option;
  if (auth.mode === "none") {
    fail(
      scope,
      option.span,
      "invalid listen option: mechanisms requires auth",
      "add `auth <TABLE>` or `auth-optional <TABLE>`",
    );
    return auth;
  }
  const found: SaslMechanism[] = [];
  for (const name of text.split(/[\s,]+/).filter((one) => one !== "")) {
    const mechanism = parseMechanism(name);
    if (mechanism === null) {
      const hint = suggest(name, saslMechanisms, (one) => one) ?? `it is one of ${saslMechanisms.join(", ")}`;
      fail(scope, span, `unknown mechanism: ${name}`, hint);
    } else if (!found.includes(mechanism)) found.push(mechanism);
  }
  if (text.trim() === "") fail(scope, span, "no mechanism named", `write some of ${saslMechanisms.join(", ")}`);
  if (auth.table === null && found.includes("SCRAM-SHA-256")) {
    const hint = "the system stores hashes that SCRAM cannot use: name a table, or leave it out";
    fail(scope, span, "SCRAM-SHA-256 needs a table of credentials", hint);
  }
  const hasTable = options.some(({ kind }) => kind === "auth-external");
  if (found.includes("EXTERNAL") && !hasTable) {
    fail(scope, span, "EXTERNAL needs a table of certificates", "add `auth-external <TABLE>`");
  }
  if (!found.includes("EXTERNAL") && hasTable) {
    fail(scope, span, "auth-external has no effect: `mechanisms` leaves EXTERNAL out", "add EXTERNAL to them");
  }
  return { ...auth, mechanisms: found };
}
