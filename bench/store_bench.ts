/** How many messages the spool takes in and lets go per second. `deno run --allow-read --allow-write bench/store_bench.ts [directory]`
 *
 * One message is: insert its content and one envelope, delete the message 2,000 back. Prints the rate for two sizes and
 * several batch sizes, beside the cost of one write and sync of the same disk, which bounds it. */

import { plainHandling } from "../lib/smtp/handling.ts";
import { openSqlDatabase } from "../lib/host/sqlite.ts";
import type { Domain, Mailbox } from "../lib/mail/address.ts";
import type { Envelope } from "../lib/spool/envelope.ts";
import { type EvpId, evpIdOf, MsgIdDealer } from "../lib/spool/id.ts";
import { SqliteStore } from "../lib/spool/sqlite.ts";
import type { SpoolChange } from "../lib/spool/store.ts";

const lag = 2000;
const directory = Deno.makeTempDirSync({ dir: Deno.args[0] ?? "/var/tmp", prefix: "store_bench" });
const random = {
  u32: () => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
  bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)),
};

function mailbox(localPart: string, domain: string): Mailbox {
  return { localPart, domain: domain as Domain };
}

function envelope(id: EvpId, message: Envelope["message"], at: number): Envelope {
  return {
    id,
    message,
    kind: "mta",
    action: "outbound",
    sender: mailbox("sender", "example.org"),
    rcpt: mailbox("recipient", "example.com"),
    dest: mailbox("recipient", "example.com"),
    local: null,
    origin: {
      address: "192.0.2.1",
      hostname: "mail.example.org",
      helo: "mail.example.org",
      smtpName: "mx.example.net",
      tag: "",
      username: "",
      tls: false,
    },
    dsn: { notify: [], ret: null, envId: null, originalRecipient: null },
    handling: plainHandling,
    createdAt: at,
    expiresAt: at + 345_600_000,
    nextAt: at,
    attempts: 0,
    lastTryAt: 0,
    lastWarnAt: 0,
    last: null,
    suspended: false,
  };
}

function syncCost(size: number): number {
  const file = Deno.openSync(`${directory}/sync`, { create: true, write: true });
  const bytes = new Uint8Array(size);
  const rounds = 200;
  let start = 0;
  // The first half makes the file, the second overwrites it, as the store's log does.
  for (let round = 0; round < 2 * rounds; round++) {
    if (round % rounds === 0) {
      file.seekSync(0, Deno.SeekMode.Start);
      start = performance.now();
    }
    file.writeSync(bytes);
    file.syncDataSync();
  }
  file.close();
  return (performance.now() - start) * 1000 / rounds;
}

async function measure(size: number, batch: number, seconds: number): Promise<number> {
  const path = `${directory}/${size}-${batch}/spool.db`;
  const store = new SqliteStore(openSqlDatabase(path));
  const content = new Uint8Array(size).fill(65);
  const dealer = new MsgIdDealer(random);
  const stored: EvpId[] = [];
  let start = 0;
  let count = 0;
  while (start === 0 || performance.now() - start < seconds * 1000) {
    if (start === 0 && stored.length >= lag) start = performance.now();
    const changes: SpoolChange[] = [];
    for (let index = 0; index < batch; index++) {
      const id = dealer.next();
      const evp = evpIdOf(id, random.u32() || 1);
      const at = 1_700_000_000_000 + stored.length;
      changes.push({ kind: "chunk", message: id, seq: 0, bytes: content });
      const message = { id, size, chunks: 1, createdAt: at };
      changes.push({ kind: "commit", message, envelopes: [envelope(evp, id, at)] });
      stored.push(evp);
      const old = stored[stored.length - 1 - lag];
      if (old !== undefined) changes.push({ kind: "delete", envelope: old });
    }
    await store.apply(changes);
    if (start !== 0) count += batch;
  }
  const rate = count / ((performance.now() - start) / 1000);
  await store.close();
  return rate;
}

try {
  console.log(
    `write and sync, overwriting: 64 KiB ${syncCost(65536).toFixed(0)} us, 256 KiB ${syncCost(262144).toFixed(0)} us`,
  );
  for (const size of [5000, 50_000]) {
    for (const batch of [1, 4, 10, 33, 100]) {
      const rate = await measure(size, batch, 2);
      console.log(
        `${size} octets, batches of ${batch}: ${rate.toFixed(0)} messages/s, ${(1e6 / rate).toFixed(1)} us each`,
      );
    }
  }
} finally {
  Deno.removeSync(directory, { recursive: true });
}
