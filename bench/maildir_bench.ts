/** How many messages a second go into one Maildir on a real disk, durably, 20 at a time.
 * `deno run --allow-read=DIR --allow-write=DIR bench/maildir_bench.ts [DIR [COUNT]]`; DIR is removed afterwards.
 * Prints one line per size of message. */

import { MaildirWriter } from "../lib/delivery/maildir.ts";
import { hostClock, hostRandom } from "../lib/host/clock.ts";
import { hostDisk } from "../lib/host/disk.ts";

const directory = Deno.args[0] ?? "/var/tmp/maildir_bench";
const count = Number(Deno.args[1] ?? 4000);
const concurrency = 20;

/** A message of about `size` octets, lines of 76 characters. */
function message(size: number): Uint8Array {
  const line = "x".repeat(76) + "\r\n";
  return new TextEncoder().encode("Subject: bench\r\n\r\n" + line.repeat(Math.ceil(size / line.length)));
}

/** Delivers `total` messages and returns how long it took, ms. */
async function measure(maildir: string, content: Uint8Array, total: number): Promise<number> {
  const writer = new MaildirWriter({ disk: hostDisk, clock: hostClock, random: hostRandom, hostname: "bench.test" });
  const prefix = "Return-Path: <a@bench.test>\r\nDelivered-To: b@bench.test\r\n";
  let left = total;
  const start = performance.now();
  await Promise.all(Array.from({ length: concurrency }, async () => {
    while (left-- > 0) {
      const sink = await writer.open({ maildir, subAddress: "", junk: false, prefix });
      await sink.write(content);
      await sink.commit();
    }
  }));
  return performance.now() - start;
}

for (const size of [5_000, 50_000]) {
  for (let round = 1; round <= 3; round++) {
    const maildir = `${directory}/${size}.${round}`;
    const ms = await measure(maildir, message(size), count);
    await Deno.remove(maildir, { recursive: true });
    console.log(`${size} octets, ${concurrency} at once: ${Math.round((count * 1000) / ms)} messages/s`);
  }
}
await Deno.remove(directory, { recursive: true });
