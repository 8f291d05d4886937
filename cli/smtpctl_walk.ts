/** `smtpctl spf walk`: the networks that may send for domains, as their SPF records name them. No daemon is needed. */

import { scrub } from "../lib/event_log.ts";
import { toAsciiName } from "../lib/mail/idna.ts";
import { formatNet, type Net, parseNet } from "../lib/mail/ip.ts";
import type { Dns } from "../lib/port.ts";
import { spfNameLengthMax } from "../lib/trust/spf_macro.ts";
import { type SpfFamilies, type SpfWalk, walkSpf } from "../lib/trust/spf_walk.ts";
import type { Printer } from "./smtpctl_answer.ts";

/** What it needs of the machine. */
export interface WalkHost {
  /** Whom to ask. */
  readonly dns: Dns;
  /** Lines of standard input, without their ends. */
  lines(): AsyncIterable<string>;
}

/** What a line of the input is. */
export type WalkLine =
  /** Blank, or a comment. */
  | { readonly kind: "none" }
  | { readonly kind: "domain"; readonly domain: string }
  | { readonly kind: "network"; readonly net: Net }
  | { readonly kind: "wrong"; readonly text: string };

/** Domains that are walked through at once. What they come to is printed in the order of the lines. */
export const spfWalksMax = 16;

/** Reads a line: a domain, also with U-labels or a final dot, an address or a network. What stands behind a # is a comment. */
export function readWalkLine(line: string): WalkLine {
  const text = line.replace(/(?:^|\s)#.*$/s, "").trim();
  if (text === "") return { kind: "none" };
  const [, address, bits] = /^((?:\d+\.){3}\d+|[\da-f:.]*:[\da-f:.]*)(\/\d+)?$/i.exec(text) ?? [];
  if (address !== undefined) {
    const net = parseNet(`${address}${bits ?? ""}`);
    return net === null ? { kind: "wrong", text: `${text} is no address and no network` } : { kind: "network", net };
  }
  const name = toAsciiName(text)?.replace(/\.$/, "").toLowerCase() ?? "";
  const isDomain = name.length <= spfNameLengthMax && /^(?:[a-z\d_-]{1,63}\.)+(?!\d+$)[a-z\d_-]{1,63}$/.test(name);
  return isDomain
    ? { kind: "domain", domain: name }
    : { kind: "wrong", text: `${text} is no domain: example.org is one; so may be an address or a network` };
}

/** A line with what it has come to. */
interface Walked extends SpfWalk {
  /** The first one is 1. */
  readonly line: number;
  /** The domain, address or network as it was read; else the text. */
  readonly input: string;
}

/** Prints the networks of each line that is read, each once in all; with `json` an object for each line with all of its
 * networks and problems. Returns the exit status: 1 when networks may be missing. */
export async function walkLines(
  { four, six, json }: SpfFamilies & { readonly json: boolean },
  host: WalkHost,
  printer: Printer,
): Promise<number> {
  const report = new Report(json, printer);
  const underWay: Promise<Walked>[] = [];
  let line = 0;
  for await (const text of host.lines()) {
    line++;
    const read = readWalkLine(text);
    if (read.kind === "none") continue;
    underWay.push(walkLine(line, text.trim(), read, { four, six }, host.dns));
    const first = underWay.length < spfWalksMax ? undefined : underWay.shift();
    if (first !== undefined) await report.add(await first);
  }
  for (const one of underWay) await report.add(await one);
  return await report.end();
}

async function walkLine(
  line: number,
  text: string,
  read: Exclude<WalkLine, { readonly kind: "none" }>,
  families: SpfFamilies,
  dns: Dns,
): Promise<Walked> {
  switch (read.kind) {
    case "wrong":
      return { line, input: text, networks: [], problems: [{ severity: "error", text: read.text }] };
    case "network": {
      const input = formatNet(read.net);
      const isWanted = read.net.ip.version === 4 ? families.four : families.six;
      return { line, input, networks: isWanted ? [input] : [], problems: [] };
    }
    case "domain": {
      const walk = walkSpf(read.domain, families);
      let step = walk.next();
      while (step.done !== true) step = walk.next(await dns.query(step.value.name, step.value.type));
      return { line, input: read.domain, ...step.value };
    }
  }
}

/** Prints in one of the two forms. */
class Report {
  readonly #json: boolean;
  readonly #printer: Printer;
  readonly #printed = new Set<string>();
  readonly #walked: Walked[] = [];
  #status = 0;

  constructor(json: boolean, printer: Printer) {
    this.#json = json;
    this.#printer = printer;
  }

  async add(walked: Walked): Promise<void> {
    const { line, networks, problems } = walked;
    if (problems.some(({ severity }) => severity === "error")) this.#status = 1;
    if (this.#json) return void this.#walked.push(walked);
    const fresh = networks.filter((one) => !this.#printed.has(one));
    for (const one of fresh) this.#printed.add(one);
    if (fresh.length > 0) await this.#printer.write(`${fresh.join("\n")}\n`);
    for (const { severity, text } of problems) {
      const mark = severity === "warning" ? "warning: " : "";
      this.#printer.complain(`smtpctl: line ${line}: ${mark}${scrub(text)}`);
    }
  }

  async end(): Promise<number> {
    if (this.#json) {
      const shown = this.#walked.map(({ line, input, networks, problems }) => ({ line, input, networks, problems }));
      await this.#printer.write(`${JSON.stringify(shown, null, 2)}\n`);
    }
    return this.#status;
  }
}
