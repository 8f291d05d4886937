import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { join } from "@std/path";
import {
  emptyDirectory,
  findAccount,
  interfaceAddresses,
  prepareDirectory,
  readTextIfPresent,
  realPath,
  removeIfPresent,
  setMode,
} from "../../lib/host/state.ts";

function folder(): string {
  return Deno.makeTempDirSync();
}

Deno.test("prepareDirectory() makes what is missing and mends the mode of what is there", () => {
  const path = join(folder(), "a", "b");
  prepareDirectory({ path, mode: 0o700, owner: null });
  equal((Deno.statSync(path).mode ?? 0) & 0o7777, 0o700);
  prepareDirectory({ path, mode: 0o711, owner: null });
  equal((Deno.statSync(path).mode ?? 0) & 0o7777, 0o711);
});

Deno.test({
  name: "prepareDirectory() lets another account get to its directory, or says what keeps it away",
  ignore: Deno.uid() !== 0,
  fn() {
    const base = folder();
    const spec = { path: join(base, "a", "b", "c"), mode: 0o700, owner: { uid: 65534, gid: 65534 } };
    Deno.chmodSync(base, 0o700);
    throws(
      () => prepareDirectory(spec),
      new RegExp(`^Fault: Cannot use ${spec.path}: .* uid 65534, may not enter ${base};`),
    );
    Deno.chmodSync(base, 0o711);
    prepareDirectory(spec);
    const modes = ["a", "a/b", "a/b/c"].map((name) => (Deno.statSync(join(base, name)).mode ?? 0) & 0o7777);
    deepEqual(modes, [0o711, 0o711, 0o700]);
  },
});

Deno.test("prepareDirectory() refuses a name that is a file, or a link", () => {
  const base = folder();
  Deno.writeTextFileSync(join(base, "file"), "");
  throws(() => prepareDirectory({ path: join(base, "file"), mode: 0o700, owner: null }), /Cannot (prepare|use)/);
});

Deno.test("emptyDirectory() and removeIfPresent() remove files, and do not mind their absence", () => {
  const base = folder();
  Deno.writeTextFileSync(join(base, "one"), "");
  Deno.writeTextFileSync(join(base, "two"), "");
  removeIfPresent(join(base, "one"));
  removeIfPresent(join(base, "one"));
  emptyDirectory(base);
  deepEqual([...Deno.readDirSync(base)], []);
});

Deno.test("setMode() sets permission bits", () => {
  const path = join(folder(), "f");
  Deno.writeTextFileSync(path, "");
  setMode(path, 0o640);
  equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o640);
});

Deno.test("readTextIfPresent() gives null for what is not there", () => {
  const path = join(folder(), "f");
  equal(readTextIfPresent(path), null);
  Deno.writeTextFileSync(path, "text");
  equal(readTextIfPresent(path), "text");
});

Deno.test("interfaceAddresses() knows the loopback interface", () => {
  ok(interfaceAddresses().some(({ address }) => address === "127.0.0.1"));
});

Deno.test("findAccount() reads passwd(5)", () => {
  const passwd = "root:x:0:0:root:/root:/bin/sh\n_smtpd:x:107:110::/nonexistent:/usr/sbin/nologin\n";
  deepEqual(findAccount(passwd, "_smtpd"), { name: "_smtpd", uid: 107, gid: 110 });
  equal(findAccount(passwd, "_smtpq"), null);
  equal(findAccount(passwd, "_smtp"), null);
});

Deno.test("realPath() is null for what leads nowhere", async () => {
  if (await realPath("/nonexistent/x") !== null || await realPath("/") !== "/") throw new Error("it is not");
});
