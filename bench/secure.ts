/** Sessions under TLS: how many a server begins in a second, and how many for each second of its processors' time. The
 * clients take as much of the machine as the server, so the second figure is the one to compare. */

import { join } from "@std/path";
import { cpuOf } from "../tests/support/processes.ts";
import { until } from "../tests/support/wait.ts";
import { greets } from "./load.ts";
import type { Bench, Figure } from "./scenarios.ts";
import type { Kind } from "./server.ts";

/** What clients do. */
export type SecureMode = "starttls" | "submit";

/** Sessions at once. */
const parallel = 10;

/** Makes a key (ECDSA, P-256) and a certificate of its own; returns their paths. */
export async function makeCertificate(folder: string): Promise<{ readonly cert: string; readonly key: string }> {
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"],
      ...["-subj", "/CN=mx.bench.test", "-addext", "subjectAltName=DNS:mx.bench.test", "-out", cert, "-keyout", key],
    ],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`openssl: ${new TextDecoder().decode(stderr)}`);
  await Deno.chmod(key, 0o600);
  return { cert, key };
}

/** Measures one kind of server. */
export async function secureSessions(
  kind: Kind,
  bench: Bench,
  mode: SecureMode,
): Promise<Readonly<Record<string, Figure>>> {
  const server = await kind.startSecure(await bench.folder());
  try {
    await until(`${kind.name} answers`, () => greets(server.port));
    const once = (count: number) => clients(server.port, count, mode);
    const cold = await once(100);
    // A server that has just started is several times slower: what lasts as long as asked is known of a warm one alone.
    const warm = await once(Math.max(100, Math.round(cold * bench.seconds / 2)));
    const count = Math.max(200, Math.round(warm * bench.seconds));
    const before = cpuOf(server.pid);
    const rate = await once(count);
    const unit = mode === "starttls" ? "sessions/s" : "msg/s";
    return {
      [mode]: { unit, value: rate },
      [`${mode}-cpu`]: { unit: "per CPU s", value: count / (cpuOf(server.pid) - before) },
    };
  } finally {
    await server.stop();
  }
}

/** Runs sessions; how many there were in a second. */
async function clients(port: number, count: number, mode: SecureMode): Promise<number> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--cached-only", "--no-check", "--allow-net=127.0.0.1"],
      ...[join(import.meta.dirname ?? ".", "secure_client.ts"), port, parallel, count, mode].map(String),
    ],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`clients: ${new TextDecoder().decode(stderr)}`);
  return count / Number(new TextDecoder().decode(stdout)) * 1000;
}
