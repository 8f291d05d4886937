/** The certificates, keys and authorities of listeners, in the supervisor's hands: read and judged at the start and at
 * each reload, and again when their files change. smtp-in is handed what they hold. */

import { Buffer } from "node:buffer";
import { Fault } from "../fault.ts";
import type { Log, LogEvent } from "../event_log.ts";
import {
  type CaFacts,
  type CertificateFact,
  type FileFact,
  type FileProblem,
  judgeCa,
  type Judgement,
  judgePki,
  type KeyFact,
  type PkiFacts,
} from "../policy/check_files.ts";
import type { Policy } from "../policy/policy.ts";
import type { Clock, Disk, Timer } from "../port.ts";
import { type FileStamp, FileWatch, readStamped } from "../table/watch.ts";
import { noMaterial, type TlsMaterial, usedMaterial } from "./listener_tls.ts";

/** How often files are looked at, ms. */
export const certificateLookMs = 5000;

/** How often the log is told of certificates that end soon, ms. */
export const expiryTellMs = 86_400_000;

/** Looks into PEM. */
export interface PemInspector {
  /** Null when it is no PEM of certificates. */
  certificates(text: string): { readonly notBefore: number; readonly notAfter: number; readonly count: number } | null;
  /** What a key's file holds; `chain` is the text of the certificate's. */
  key(text: string, chain: string | null): KeyFact;
  /** Why TLS cannot be had with the two, as a clause; null when it can. */
  problem(chain: string, key: string): string | null;
}

/** What the supervisor lends. */
export interface CertificatePorts {
  /** Reads, as root where there is root. */
  readonly disk: Disk;
  /** Times looks, and judges spans. */
  readonly clock: Clock;
  /** What came of new files. */
  readonly log: Log;
  /** Whose files the caller's own are, beside root's. */
  readonly uid: number;
  /** For what files hold. Asked for where there are any. */
  readonly inspector: () => Promise<PemInspector>;
  /** Some of what listeners of this policy use has changed. */
  readonly renewed: (policy: Policy, material: TlsMaterial) => void;
}

/** One file, as it was read last. */
interface Read {
  readonly fact: FileFact;
  readonly text: string | null;
  readonly stamp: FileStamp | null;
}

/** What is watched for one name. */
interface Entry {
  readonly kind: "pki" | "ca";
  readonly name: string;
  /** Path of the certificate, and of the key of a `pki`. */
  readonly paths: readonly string[];
  readonly watches: readonly FileWatch[];
  /** End of the certificate, ms since the epoch. */
  notAfter: number;
  /** When it was told of last, in `Clock.now`. */
  toldAt: number;
}

interface Holding {
  material: TlsMaterial;
  readonly entries: readonly Entry[];
}

/** All that is held, by the policy that it is for. */
export class Certificates {
  readonly #ports: CertificatePorts;
  readonly #holdings = new Map<Policy, Holding>();
  #current: Policy | null = null;
  #timer: Timer | null = null;

  /** Nothing is read at first. */
  constructor(ports: CertificatePorts) {
    this.#ports = ports;
  }

  /** Reads what listeners of this policy use. Rejects with a Fault that says what cannot be used. */
  async load(policy: Policy): Promise<void> {
    const { pki, ca } = usedMaterial(policy);
    const entries = [
      ...pki.map((name) => this.#entryOf("pki", name, [policy.pki[name]?.cert ?? "", policy.pki[name]?.key ?? ""])),
      ...ca.map((name) => this.#entryOf("ca", name, [policy.ca[name]?.cert ?? ""])),
    ];
    let material = noMaterial;
    for (const entry of entries) material = await this.#read(entry, material);
    this.#holdings.set(policy, { material, entries });
  }

  /** What was read for this policy. */
  materialOf(policy: Policy): TlsMaterial {
    return this.#holdings.get(policy)?.material ?? noMaterial;
  }

  /** This policy is in force: its files are watched, those of others are forgotten. */
  keep(policy: Policy): void {
    this.#current = policy;
    this.discard();
    this.#timer?.cancel();
    this.#timer = null;
    if ((this.#holdings.get(policy)?.entries.length ?? 0) > 0) this.#wait();
  }

  /** What is not in force is not needed after all. */
  discard(): void {
    for (const policy of [...this.#holdings.keys()]) if (policy !== this.#current) this.#holdings.delete(policy);
  }

  /** Looks no more. */
  stop(): void {
    this.#current = null;
    this.#timer?.cancel();
    this.discard();
  }

  #entryOf(kind: Entry["kind"], name: string, paths: readonly string[]): Entry {
    const { disk, clock } = this.#ports;
    const watches = paths.map((path) => new FileWatch(disk, path, clock));
    return { kind, name, paths, watches, notAfter: Infinity, toldAt: clock.now() };
  }

  #wait(): void {
    this.#timer = this.#ports.clock.after(certificateLookMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const policy = this.#current;
    const holding = policy === null ? undefined : this.#holdings.get(policy);
    if (policy === null || holding === undefined) return;
    const before = holding.material;
    for (const entry of holding.entries) {
      for (const watch of entry.watches) {
        await watch.refresh(
          async () => void (holding.material = await this.#read(entry, holding.material)),
          (fault) =>
            this.#tell("err", "certificate-refused", entry, { reason: fault.message, hint: "the old one stays" }),
        );
      }
      this.#tellOfEnd(entry);
    }
    // Another one has come into force meanwhile.
    if (this.#current !== policy) return;
    if (holding.material !== before) this.#ports.renewed(policy, holding.material);
    this.#wait();
  }

  /** Reads the files of an entry, both of a pair in any case, and adds what they hold. Throws a Fault. */
  async #read(entry: Entry, to: TlsMaterial): Promise<TlsMaterial> {
    const [certPath = "", keyPath = ""] = entry.paths;
    const cert = await this.#readFile(certPath);
    const key = entry.kind === "pki" ? await this.#readFile(keyPath) : null;
    const inspector = await this.#ports.inspector();
    const certificate = factOf(inspector, cert.text);
    this.#judge(
      key === null ? this.#problemsOfCa(certPath, { cert: cert.fact, certificate }) : this.#problemsOfPki(entry.paths, {
        cert: cert.fact,
        certificate,
        key: key.fact,
        privateKey: keyFactOf(inspector, key.text, cert.text),
      }),
    );
    for (const [at, { stamp }] of [cert, ...(key === null ? [] : [key])].entries()) {
      if (stamp !== null) entry.watches[at]?.seen(stamp);
    }
    const isFirst = entry.notAfter === Infinity;
    if (certificate?.kind === "read") entry.notAfter = certificate.notAfter;
    if (!isFirst) this.#tell("info", "certificate-renewed", entry, { expires: dayOf(entry.notAfter) });
    const chain = cert.text ?? "";
    return key === null
      ? { ...to, ca: { ...to.ca, [entry.name]: chain } }
      : { ...to, pki: { ...to.pki, [entry.name]: { chain, key: key.text ?? "" } } };
  }

  #problemsOfPki([cert = "", key = ""]: readonly string[], facts: PkiFacts): readonly FileProblem[] {
    return judgePki({ cert, key }, facts, this.#judgement());
  }

  #problemsOfCa(cert: string, facts: CaFacts): readonly FileProblem[] {
    return judgeCa({ cert }, facts, this.#judgement());
  }

  #judgement(): Judgement {
    const { clock, uid } = this.#ports;
    return { now: clock.now(), uid, mustRead: true };
  }

  /** Warnings are told by the checks of the configuration, and when the time comes. */
  #judge(problems: readonly FileProblem[]): void {
    const worst = problems.find(({ severity }) => severity === "error");
    // Not `malformed`: who mends the mode of a file does not change its content.
    if (worst !== undefined) throw new Fault("unavailable", worst.message);
  }

  async #readFile(path: string): Promise<Read> {
    try {
      const { bytes, stamp } = await readStamped(this.#ports.disk, path);
      const { mode, uid } = stamp;
      return { fact: { kind: "found", mode, uid }, text: Buffer.from(bytes).toString("latin1"), stamp };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { fact: await this.#factOfUnread(path, error), text: null, stamp: null };
    }
  }

  async #factOfUnread(path: string, { kind }: Fault): Promise<FileFact> {
    // A link to a directory is told of by its fault alone.
    const stat = await this.#ports.disk.stat(path).catch(() => null);
    return stat?.kind === "directory" ? { kind: "directory" } : { kind: "failed", fault: kind };
  }

  #tellOfEnd(entry: Entry): void {
    const now = this.#ports.clock.now();
    if (entry.kind !== "pki" || now - entry.toldAt < expiryTellMs) return;
    const [path = ""] = entry.paths;
    entry.toldAt = now;
    const certificate = { kind: "read", notBefore: 0, notAfter: entry.notAfter, count: 1 } as const;
    const cert = { kind: "found", mode: 0, uid: 0 } as const;
    for (const { message } of this.#problemsOfCa(path, { cert, certificate })) {
      this.#tell("warning", "certificate-ends", entry, { reason: message });
    }
  }

  #tell(priority: LogEvent["priority"], what: string, { kind, name }: Entry, fields: LogEvent["fields"]): void {
    this.#ports.log({ priority, session: "", from: "smtpd", what, fields: { [kind]: name, ...fields } });
  }
}

/** What the text of a file of certificates comes to; null for what could not be read. */
export function factOf(inspector: PemInspector | null, text: string | null): CertificateFact | null {
  if (text === null || inspector === null) return null;
  const file = inspector.certificates(text);
  if (file === null) return { kind: "malformed", isKey: inspector.key(text, null).kind !== "malformed" };
  const { notBefore, notAfter, count } = file;
  return { kind: "read", notBefore, notAfter, count };
}

/** What the text of a key's file comes to, next to that of its certificate's. */
export function keyFactOf(inspector: PemInspector | null, text: string | null, chain: string | null): KeyFact | null {
  if (text === null || inspector === null) return null;
  const fact = inspector.key(text, chain);
  if (fact.kind !== "read" || fact.fits !== true || chain === null) return fact;
  const reason = inspector.problem(chain, text);
  return reason === null ? fact : { kind: "unusable", reason };
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
