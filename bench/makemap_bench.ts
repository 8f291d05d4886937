/** How long maps take to build, with how much memory, and how many look-ups a second tables answer.
 * `deno run --allow-read --allow-write --allow-run --allow-env bench/makemap_bench.ts [entries]`
 *
 * The texts are made here: `plain` has one address a line, `mixed` has lists, commands, comments and capitals. tinycdb's
 * `cdb -c -m` is timed beside it where it is installed; it checks nothing. `deno task bench` has postalias. */

import { join } from "@std/path";
import { hostDisk } from "../lib/host/disk.ts";
import { openTable } from "../lib/table/open.ts";
import type { Service, TableSpec } from "../lib/table/table.ts";
import { noBackends } from "../tests/support/backends.ts";
import { findProgram } from "../tests/support/programs.ts";
import { median, peakOf, type Run, timeOf } from "./measure.ts";
import { command } from "./postern.ts";

const entries = Number(Deno.args[0] ?? 1_000_000);
const lookups = 100_000;
const rounds = 5;

function numbered(i: number): string {
  return String(i).padStart(6, "0");
}

const texts: Readonly<Record<string, (i: number) => string>> = {
  plain: (i) => `user${numbered(i)}: target${numbered(i)}@example.org\n`,
  mixed: (i) => {
    switch (i % 4) {
      case 0:
        return `User${numbered(i)}: a${i}, b${i}+tag@mail.example.org,  c.d\n`;
      case 1:
        return `list-${i}\t"|/usr/bin/prog -x ${i}", :include:/etc/list${i}\n`;
      case 2:
        return `# comment ${i}\nalias${i} \\user${i}\n`;
      default:
        return `u${i} root\n`;
    }
  },
};

async function writeText(path: string, line: (i: number) => string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const encoder = new TextEncoder();
  for (let i = 0; i < entries;) {
    let part = "";
    for (; i < entries && part.length < 1_000_000; i++) part += line(i);
    const bytes = encoder.encode(part);
    for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
  }
}

async function report(what: string, run: Run): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) times.push(await timeOf(run));
  const memory = await peakOf(run);
  console.log(`${what.padEnd(28)} ${(median(times) / 1000).toFixed(2)} s  ${(memory / 1e6).toFixed(0)} MB`);
}

/** Look-ups of keys in no order, half of which are there. */
async function reportLookups(
  what: string,
  spec: TableSpec,
  service: Service,
  key: (i: number) => string,
): Promise<void> {
  const options = {
    subAddressDelimiter: "+",
    clock: { monotonic: () => performance.now(), now: () => Date.now() },
    report: () => {},
    ...noBackends,
  };
  const table = await openTable(spec, hostDisk, options);
  await table.check(service, "warm up");
  const start = performance.now();
  let found = 0;
  for (let i = 0; i < lookups; i++) {
    if (await table.check(service, key(i * 7919 % (entries * 2)))) found++;
  }
  const seconds = (performance.now() - start) / 1000;
  console.log(`${what.padEnd(28)} ${Math.round(lookups / seconds)} look-ups/s, ${found} found`);
  table.close();
}

const folder = await Deno.makeTempDir({ prefix: "makemap_bench" });
try {
  const cdb = findProgram("cdb");
  for (const [name, line] of Object.entries(texts)) {
    const text = join(folder, name);
    await writeText(text, line);
    await report(`makemap -t aliases, ${name}`, command("makemap", ["-t", "aliases", text]));
    await report(`makemap -t plain, ${name}`, command("makemap", [text]));
    if (cdb !== null) {
      const run = { program: cdb, args: ["-c", "-m", join(folder, "cdb"), text], env: {} };
      await report(`cdb -c -m, ${name}`, run);
    }
  }
  const map = { kind: "cdb", name: "t", path: join(folder, "plain.db") } as const;
  const file = { kind: "file", name: "t", path: join(folder, "plain") } as const;
  const key = (i: number) => `user${numbered(i)}`;
  await reportLookups("cdb, alias", map, "alias", key);
  await reportLookups("cdb, domain", map, "domain", key);
  await reportLookups("cdb, mailaddr", map, "mailaddr", (i) => `${key(i)}+tag@example.org`);
  await reportLookups("file, alias", file, "alias", key);
  await reportLookups("file, domain", file, "domain", key);
} finally {
  await Deno.remove(folder, { recursive: true });
}
