/** Certificates made for a test, by openssl. No key is kept anywhere else. */

import { join } from "@std/path";
import { findProgram } from "./programs.ts";

/** Where openssl is; null: tests that need certificates are ignored. */
export const openssl: string | null = findProgram("openssl");

/** What a certificate is to be. */
export interface CertificateWish {
  /** DNS names; none for an authority, or for what needs no name. */
  readonly names?: readonly string[];
  readonly kind?: "ecdsa" | "rsa" | "ed25519";
  /** Name of another one made here that signs it; absent: itself. */
  readonly by?: string;
  /** It may sign others. */
  readonly isAuthority?: boolean;
  readonly usage?: "clientAuth" | "serverAuth";
  /** Ends so many days from now; may be below zero. */
  readonly days?: number;
}

/** A folder of certificates. */
export class Certificates {
  /** `NAME.crt` and `NAME.key` are there. */
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** An empty folder. */
  static async make(): Promise<Certificates> {
    return new Certificates(await Deno.makeTempDir({ prefix: "pki-" }));
  }

  /** Makes a key and its certificate; returns both as PEM. */
  async issue(name: string, wish: CertificateWish = {}): Promise<{ readonly chain: string; readonly key: string }> {
    const { names = [], kind = "ecdsa", by, isAuthority = false, usage, days = 30 } = wish;
    const algorithm = kind === "rsa"
      ? ["rsa:2048"]
      : kind === "ecdsa"
      ? ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
      : ["ed25519"];
    const config = join(this.folder, `${name}.cnf`);
    await Deno.writeTextFile(
      config,
      [
        "[req]\ndistinguished_name=dn\n[dn]\n[ext]",
        `basicConstraints=critical,CA:${isAuthority ? "TRUE" : "FALSE"}`,
        ...(names.length > 0 ? [`subjectAltName=${names.map((one) => `DNS:${one}`).join(",")}`] : []),
        ...(usage === undefined ? [] : [`extendedKeyUsage=${usage}`]),
        "",
      ].join("\n"),
    );
    const request = ["-subj", `/CN=${name}`, "-config", config];
    const key = ["-newkey", ...algorithm, "-nodes", "-keyout", this.path(name, "key")];
    const signer = by ?? name;
    const csr = join(this.folder, `${name}.csr`);
    await run(["req", "-new", ...key, ...request, "-out", csr]);
    const from = by === undefined
      ? ["-signkey", this.path(name, "key")]
      : ["-CA", this.path(signer, "crt"), "-CAkey", this.path(signer, "key"), "-CAcreateserial"];
    const sign = ["x509", "-req", "-in", csr, ...from, "-extfile", config, "-extensions", "ext"];
    await run([...sign, "-days", String(days), "-out", this.path(name, "crt")]);
    await Deno.chmod(this.path(name, "key"), 0o600);
    return { chain: await this.text(name, "crt"), key: await this.text(name, "key") };
  }

  /** The path of a file of it. */
  path(name: string, what: "crt" | "key"): string {
    return join(this.folder, `${name}.${what}`);
  }

  /** The text of a file of it. */
  text(name: string, what: "crt" | "key"): Promise<string> {
    return Deno.readTextFile(this.path(name, what));
  }

  /** Takes one's place with another that was made here, in one step. */
  async replace(name: string, by: string): Promise<void> {
    for (const what of ["key", "crt"] as const) await Deno.rename(this.path(by, what), this.path(name, what));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function run(args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(openssl ?? "openssl", {
    args: [...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`openssl ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
