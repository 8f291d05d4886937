/** Rows of the verifiers: who of them there is, and what each may do. Pure. */

import { takesPasswords } from "../policy/mechanism.ts";
import type { Policy } from "../policy/policy.ts";
import type { Grant, Premises } from "./privilege.ts";

/** Which passwords a verifier checks: those that tables store, or those of the system's users. */
export type VerifierPool = "tables" | "system";

/** A verifier and its row. */
export interface HostedVerifier {
  /** `name` tells it from others. */
  readonly spec: { readonly kind: "verifier"; readonly name: string; readonly pool: VerifierPool };
  /** May do nothing, or read /etc/shadow. */
  readonly grant: Grant<"verifier">;
}

/** The passwords of the system's users. */
export const shadowFile = "/etc/shadow";

/** Which passwords the listeners ask for. */
export function verifierPools(policy: Policy): readonly VerifierPool[] {
  const auths = policy.listeners.flatMap((one) =>
    one.kind === "inet" && one.auth.mode !== "none" && takesPasswords(one) ? [one.auth] : []
  );
  const isWanted = (pool: VerifierPool) => auths.some(({ table }) => (table === null) === (pool === "system"));
  return (["tables", "system"] as const).filter(isWanted);
}

/** The verifiers that a configuration needs: as many as may check at once for tables, one for the system's users. */
export function verifierGrants(policy: Policy, premises: Premises): readonly HostedVerifier[] {
  return verifierPools(policy).flatMap((pool) => {
    const count = pool === "tables" ? policy.smtp.maxAuthChecks : 1;
    return Array.from({ length: count }, (_, n) => hosted(pool, n + 1, premises));
  });
}

function hosted(pool: VerifierPool, n: number, { accounts, shadow }: Premises): HostedVerifier {
  const own = accounts?.smtpd ?? null;
  return {
    spec: { kind: "verifier", name: n === 1 ? pool : `${pool}-${n}`, pool },
    grant: {
      role: "verifier",
      account: pool === "system" ? shadow?.account ?? own : own,
      read: pool === "system" ? [shadowFile] : [],
      write: [],
      net: { kind: "none" },
      run: [],
      sys: [],
      npm: true,
      handed: "peer socket",
    },
  };
}
