/** What is in files of certificates and keys. */

import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";

/** What a file of certificates holds; the first one counts. Null for what is no PEM of certificates. */
export interface CertificateFile {
  /** Begin of its validity, ms since the epoch. */
  readonly notBefore: number;
  /** Its end. */
  readonly notAfter: number;
  /** How many certificates the file has. */
  readonly count: number;
  /** DNS names that it is for, in lower case, `*.` in front for all names one label longer. */
  readonly names: readonly string[];
  /** Its key makes short signatures in a short time: ECDSA or EdDSA, not RSA. */
  readonly isElliptic: boolean;
}

/** Looks at the text of a file of certificates. */
export function inspectCertificates(text: string): CertificateFile | null {
  const all = certificatesOf(text);
  const leaf = all?.[0];
  if (all === null || leaf === undefined) return null;
  return {
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
    count: all.length,
    names: namesOf(leaf),
    isElliptic: leaf.publicKey.asymmetricKeyType !== "rsa" && leaf.publicKey.asymmetricKeyType !== "rsa-pss",
  };
}

/** What a key's file holds: `fits` when the first certificate of `chain` is for it, null when there is none. */
export type KeyFile =
  | { readonly kind: "read"; readonly fits: boolean | null }
  | { readonly kind: "encrypted" }
  /** `isCertificate`: a file of certificates stands in its place. */
  | { readonly kind: "malformed"; readonly isCertificate: boolean };

/** Looks at the text of a key's file; `chain` is that of the certificate's. */
export function inspectKey(text: string, chain: string | null): KeyFile {
  if (text.includes("ENCRYPTED")) return { kind: "encrypted" };
  const leaf = chain === null ? undefined : certificatesOf(chain)?.[0];
  try {
    const own = createPublicKey(createPrivateKey(text)).export({ type: "spki", format: "der" });
    if (leaf === undefined) return { kind: "read", fits: null };
    return { kind: "read", fits: own.equals(leaf.publicKey.export({ type: "spki", format: "der" })) };
  } catch {
    return { kind: "malformed", isCertificate: certificatesOf(text) !== null };
  }
}

/** Is the certificate with these names for this host? RFC 6125 §6.4.3: `*` stands for one whole label. */
export function isForHost(names: readonly string[], host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  const dot = name.indexOf(".");
  return names.includes(name) || (dot > 0 && names.includes(`*${name.slice(dot)}`));
}

function certificatesOf(text: string): readonly X509Certificate[] | null {
  const blocks = text.match(/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED )?CERTIFICATE-----/g);
  if (blocks === null) return null;
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return null;
  }
}

/** RFC 6125 §6.4.4: the common name counts where there is no alternative name. */
function namesOf({ subjectAltName, subject }: X509Certificate): readonly string[] {
  const listed = (subjectAltName ?? "").split(", ").flatMap((one) => one.startsWith("DNS:") ? [one.slice(4)] : []);
  const common = listed.length > 0 ? [] : /^CN=(.+)$/m.exec(subject)?.slice(1) ?? [];
  return [...listed, ...common].map((name) => name.toLowerCase()).filter((name) => /^[a-z0-9._*-]+$/.test(name));
}
