import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { UsageError } from "../../cli/getopt.ts";
import { OutputClosed, OutputFailed } from "../../cli/output.ts";
import { hostDaemon, hostPrinter } from "../../cli/smtpctl_host.ts";

/** Runs with these properties of `target` in place of its own. */
async function replacing<T extends object>(target: T, members: Partial<T>, work: () => Promise<void>): Promise<void> {
  const names = Object.keys(members);
  const before = names.map((name) => Object.getOwnPropertyDescriptor(target, name));
  for (const [name, value] of Object.entries(members)) {
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
  }
  try {
    await work();
  } finally {
    names.forEach((name, index) => {
      const old = before[index];
      if (old) Object.defineProperty(target, name, old);
      else Reflect.deleteProperty(target, name);
    });
  }
}

Deno.test("hostDaemon() listens in its state directory and has its spool there", async () => {
  const state = await Deno.makeTempDir();
  const daemon = hostDaemon(state, "/dev/null");
  equal(daemon.state, state);
  equal(daemon.socket, `${state}/smtpd.sock`);
  const { place, spool } = await daemon.openSpool();
  deepEqual([place.path, spool], [`${state}/spool/spool.sqlite`, null]);
  await rejects(daemon.call({ kind: "stop" }, () => {}), { name: "Fault", kind: "unavailable" });
  await Deno.remove(state);
});

Deno.test("hostDaemon() needs to know where", async () => {
  await replacing(Deno, { uid: () => 1000 }, async () => {
    await replacing(Deno.env, { get: () => undefined }, async () => {
      await rejects(async () => await Promise.resolve(hostDaemon(null, null)), UsageError);
    });
  });
});

Deno.test("hostPrinter() writes all, in as many steps as it takes", async () => {
  const written: number[] = [];
  const write = (bytes: Uint8Array) => {
    written.push(...bytes.subarray(0, 2));
    return Promise.resolve(Math.min(2, bytes.length));
  };
  await replacing(Deno.stdout, { isTerminal: () => false, write }, async () => {
    const printer = hostPrinter();
    equal(printer.screen, null);
    await printer.write("abc");
    await printer.write(new Uint8Array([1, 2, 3, 4]));
  });
  deepEqual(written, [97, 98, 99, 1, 2, 3, 4]);
});

Deno.test("hostPrinter() tells that nobody reads any more", async () => {
  for (
    const [fault, want] of [[new Deno.errors.BrokenPipe(), OutputClosed], [new RangeError("x"), RangeError], [
      new Error("x"),
      OutputFailed,
    ]] as const
  ) {
    await replacing(Deno.stdout, { isTerminal: () => false, write: () => Promise.reject(fault) }, async () => {
      await rejects(hostPrinter().write("x"), want);
    });
  }
});

Deno.test("hostPrinter() asks the terminal for its width and respects those who want no colours", async () => {
  const terms: readonly [noColor: boolean, term: string, columns: number | null, color: boolean, width: number][] = [
    [false, "xterm", 132, true, 132],
    [true, "xterm", 132, false, 132],
    [false, "dumb", 10, false, 20],
    [false, "", null, true, 80],
    [false, "", 0, true, 80],
  ];
  for (const [noColor, term, columns, color, width] of terms) {
    const consoleSize = () => {
      if (columns === null) throw new Error("no size");
      return { columns, rows: 24 };
    };
    await replacing(Deno, { noColor, consoleSize }, async () => {
      await replacing(Deno.env, { get: () => term }, async () => {
        await replacing(Deno.stdout, { isTerminal: () => true }, async () => {
          await Promise.resolve();
          deepEqual(hostPrinter().screen, { width, color });
          ok(hostPrinter().now() > 1_700_000_000_000);
        });
      });
    });
  }
});
