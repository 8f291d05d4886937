import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { type ProcAnswer, type ProcAsk, type ProcLink, ProcTable } from "../../lib/table/proc.ts";
import { ProcMachine } from "../../lib/table/proc_machine.ts";
import { testAskedTable, testFailingTable } from "../contract/table.ts";

/** A link to a helper within this process: the machine on one side, `reply` on the other. */
class Inside implements ProcLink {
  readonly asked: string[] = [];
  isBroken = false;
  readonly #machine = new ProcMachine("t");
  #requests = 0;

  constructor(services: readonly string[]) {
    this.#machine.step({ kind: "started", at: 0 });
    const lines = [...services, "ready"].map((one) => `register|${one}\n`).join("");
    this.#machine.step({ kind: "bytes", at: 0, bytes: new TextEncoder().encode(lines) });
  }

  ask(ask: ProcAsk): Promise<ProcAnswer> {
    let effects = this.#machine.step({ kind: "ask", at: 0, request: ++this.#requests, ask });
    for (;;) {
      const done = effects.find((one) => one.kind === "answer");
      if (done?.kind === "answer") return Promise.resolve(done.answer);
      const written = effects.find((one) => one.kind === "write");
      assert.ok(written?.kind === "write");
      const line = new TextDecoder().decode(written.bytes).trimEnd();
      this.asked.push(line);
      effects = this.#machine.step({ kind: "bytes", at: 0, bytes: new TextEncoder().encode(`${this.#reply(line)}\n`) });
    }
  }

  close(): void {}

  #reply(line: string): string {
    const [, , , , op = "", service = "", id = "", key = ""] = line.split("|");
    if (op === "update") return `update-result|${service}|${this.isBroken ? "error" : "ok"}`;
    if (this.isBroken) return `${op}-result|${id}|error|no database`;
    if (op === "fetch") return `fetch-result|${id}|found|192.0.2.1`;
    if (key !== "bob" && key !== "bob:Secret") return `${op}-result|${id}|not-found`;
    return op === "check" ? `check-result|${id}|found` : `lookup-result|${id}|found|${service} of Bob`;
  }
}

testAskedTable(
  "proc",
  [
    "alias",
    "domain",
    "credentials",
    "netaddr",
    "userinfo",
    "mailaddr",
    "mailaddrmap",
    "addrname",
    "relayhost",
    "string",
  ].map((service) => [service as "alias", `${service} of Bob`]),
  async (run) => {
    const services = ["alias", "domain", "credentials", "netaddr", "userinfo", "mailaddr", "mailaddrmap", "addrname"];
    await run(new ProcTable("t", new Inside([...services, "relayhost", "string"])));
  },
);

testFailingTable("proc", "alias", async (run) => {
  const link = new Inside(["alias"]);
  await run(new ProcTable("t", link), async (whileBroken) => {
    link.isBroken = true;
    await whileBroken();
    link.isBroken = false;
  });
});

Deno.test("ProcTable keeps the case of a password, and asks with the user in lower case", async () => {
  const link = new Inside(["auth"]);
  const table = new ProcTable("t", link);
  assert.equal(await table.check("auth", "BOB:Secret"), true);
  assert.equal(await table.check("auth", "bob:secret"), false);
  assert.match(link.asked[0] ?? "", /\|check\|auth\|00000001\|bob:Secret$/);
});

Deno.test("ProcTable fetches, updates, and says why it cannot", async () => {
  const link = new Inside(["source"]);
  const table = new ProcTable("t", link);
  assert.equal(await table.fetch("source"), "192.0.2.1");
  await table.update();
  link.isBroken = true;
  await assert.rejects(table.update(), (error) => {
    assert.ok(error instanceof Fault && error.kind === "unavailable");
    assert.match(error.message, /^Cannot update table t: the helper reports an error$/);
    return true;
  });
  await assert.rejects(table.check("alias", "a\nb"), /^Fault: Cannot check alias in table t: the key holds a line end/);
});

Deno.test("a service that the helper has not registered is told from a helper that cannot answer", async () => {
  const link = new Inside(["alias"]);
  const table = new ProcTable("t", link);
  await assert.rejects(
    table.check("auth", "bob:Secret"),
    new Fault("unsupported", "Cannot check auth in table t: the helper has no such service"),
  );
  link.isBroken = true;
  await assert.rejects(table.check("alias", "bob"), { kind: "unavailable" });
  assert.equal(link.asked.length, 1);
});
