/** What TLS of listeners is made of: handed to smtp-in by the supervisor, who has read the files. Pure. */

import type { Listener, ListenerTls, Policy } from "../policy/policy.ts";
import { parseProtocols } from "../policy/protocols.ts";
import type { TlsCertificate, TlsSetup } from "../port_tls.ts";

/** Contents of the files that listeners name. They travel to smtp-in alone, and into no log. */
export interface TlsMaterial {
  /** By name of the `pki`. */
  readonly pki: Readonly<Record<string, TlsCertificate>>;
  /** PEM, by name of the `ca`. */
  readonly ca: Readonly<Record<string, string>>;
}

/** For those who serve no listener with TLS. */
export const noMaterial: TlsMaterial = { pki: {}, ca: {} };

/** The TLS of a listener; null when it has none. */
export function tlsOf(listener: Listener): ListenerTls | null {
  return listener.kind === "inet" && listener.tls.mode !== "none" ? listener.tls : null;
}

/** Names of the certificates and authorities that listeners use, each once. */
export function usedMaterial({ listeners }: Pick<Policy, "listeners">): {
  readonly pki: readonly string[];
  readonly ca: readonly string[];
} {
  const all = listeners.flatMap((one) => tlsOf(one) ?? []);
  return {
    pki: [...new Set(all.flatMap(({ pki }) => pki))],
    ca: [...new Set(all.flatMap(({ ca }) => ca ?? []))],
  };
}

/** The set-up of a listener's TLS; null when it has none, or there is nothing to make it of. A client is asked for a
 * certificate where there are authorities to judge it by. */
export function setupOf(listener: Listener, material: TlsMaterial): TlsSetup | null {
  const spec = tlsOf(listener);
  if (spec === null) return null;
  const certificates = spec.pki.flatMap((name) => material.pki[name] ?? []);
  const authorities = spec.ca === null ? null : material.ca[spec.ca] ?? null;
  if (certificates.length < spec.pki.length || (spec.ca !== null && authorities === null)) return null;
  const protocols = spec.protocols === null ? null : parseProtocols(spec.protocols);
  const versions = protocols?.kind === "ok" ? protocols.versions : ["TLSv1.2", "TLSv1.3"] as const;
  return { certificates, versions, authorities };
}
