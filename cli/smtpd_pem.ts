/** What PEM texts hold. */

import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import type { CertificateFact, KeyFact } from "../lib/policy/check_files.ts";

function certificatesOf(text: string): readonly X509Certificate[] | null {
  const blocks = text.match(/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED )?CERTIFICATE-----/g);
  if (blocks === null) return null;
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return null;
  }
}

/** The first certificate of a file; null when there is none. */
export function leafOf(text: string): X509Certificate | null {
  return certificatesOf(text)?.[0] ?? null;
}

/** What a file of certificates is worth. */
export function judgePem(text: string): CertificateFact {
  const all = certificatesOf(text);
  const leaf = all?.[0];
  if (all === null || leaf === undefined) return { kind: "malformed" };
  return {
    kind: "read",
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
    count: all.length,
  };
}

/** What a private key is worth: `leaf` is the certificate that it is for. */
export function judgeKey(text: string, leaf: X509Certificate | null): KeyFact {
  if (text.includes("ENCRYPTED")) return { kind: "encrypted" };
  try {
    const own = createPublicKey(createPrivateKey(text)).export({ type: "spki", format: "der" });
    if (leaf === null) return { kind: "read", fits: null };
    return { kind: "read", fits: own.equals(leaf.publicKey.export({ type: "spki", format: "der" })) };
  } catch {
    return { kind: "malformed" };
  }
}
