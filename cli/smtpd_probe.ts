/** Tries whether a table can be opened. */

import { Fault, type FaultKind } from "../lib/fault.ts";
import { hostClock } from "../lib/host/clock.ts";
import { hostDisk } from "../lib/host/disk.ts";
import { openTable } from "../lib/table/open.ts";
import { isRemembered } from "../lib/table/spec.ts";
import type { Table, TableSpec } from "../lib/table/table.ts";
import { tableBackends } from "./table_backends.ts";

/** Opens a table and closes it again, within `limitMs`. Null when that works. */
export async function probeTable(
  spec: TableSpec,
  subAddressDelimiter: string,
  limitMs: number,
): Promise<{ readonly fault: FaultKind; readonly message: string } | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Fault("timeout", `Cannot open table ${spec.name}: no answer in ${limitMs / 1000} s`)),
      limitMs,
    );
  });
  let isOver = false;
  let opened: Table | null = null;
  const end = () => {
    isOver = true;
    opened?.close();
  };
  const probed = openTable(spec, hostDisk, {
    ...tableBackends({ [spec.name]: spec }, () => {}),
    subAddressDelimiter,
    clock: hostClock,
    report: () => {},
  }).then(async (table) => {
    // One that opens late is closed when it does.
    if (isOver) return table.close();
    opened = table;
    // What is asked over a connection or of a program is there only when that answers.
    if (isRemembered(spec)) await table.update();
  });
  probed.catch(() => {});
  try {
    await Promise.race([probed, late]);
    return null;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    // It was asked to read itself anew only to see whether it answers.
    return { fault: error.kind, message: error.message.replace(/^Cannot update table/, "Cannot use table") };
  } finally {
    clearTimeout(timer);
    // This ends a helper that hangs, too.
    end();
  }
}
