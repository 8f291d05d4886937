import { deepEqual, equal } from "node:assert/strict";
import type { ControlItem } from "../../lib/daemon/control.ts";
import { configurationJson, ReloadView, viewConfiguration } from "../../cli/smtpctl_reload.ts";
import type { Change } from "../../lib/policy/difference.ts";
import { PaperPrinter } from "../support/printer.ts";

const change: Change = { group: "rule", kind: "added", what: "match from any for any reject", from: "", to: "" };
const gone: Change = { ...change, kind: "removed", what: "listen on 192.0.2.1 port 25\x1b[2J" };
const limit: Change = { group: "setting", kind: "changed", what: "smtp limit max-rcpt", from: "1000", to: "500" };

async function show(items: readonly ControlItem[], options: { json?: boolean; colour?: boolean } = {}) {
  const printer = new PaperPrinter(options.colour === true ? { width: 80, color: true } : null);
  const view = new ReloadView(printer, { json: options.json === true, name: "smtpctl" });
  for (const item of items) view.item(item);
  const status = await view.done();
  return { status, out: printer.text, err: printer.errors };
}

const changes = [change, gone, limit].map((one) => ({ kind: "change", change: one }) as const);
const problem = { kind: "problem", severity: "error", text: "f:1:2: error: no\n  1 | x\x07", error: null } as const;

Deno.test("smtpctl reload prints what is new, gone and changed, and what is in force", async () => {
  deepEqual(await show([...changes, { kind: "reload", outcome: "inForce", version: 4 }]), {
    status: 0,
    out: "+ match from any for any reject\n- listen on 192.0.2.1 port 25?[2J\n~ smtp limit max-rcpt: 1000 -> 500\n" +
      "version 4 is in force\n",
    err: "",
  });
  equal(
    (await show([{ kind: "reload", outcome: "inForce", version: 4 }])).out,
    "version 4 is in force: nothing has changed; tables were read anew\n",
  );
});

Deno.test("smtpctl reload -n says that nothing is changed yet", async () => {
  const { out } = await show([changes[0]!, { kind: "reload", outcome: "checked", version: 4 }]);
  equal(out, "+ match from any for any reject\nthis would change; nothing is changed yet\n");
  equal((await show([{ kind: "reload", outcome: "checked", version: 4 }])).out, "nothing would change\n");
});

Deno.test("smtpctl reload of a broken file prints the errors on standard error and fails", async () => {
  deepEqual(await show([problem, { kind: "reload", outcome: "refused", version: 3 }]), {
    status: 1,
    out: "",
    err: "f:1:2: error: no\n  1 | x?\nsmtpctl: nothing is changed: what was in force is\n",
  });
});

Deno.test("smtpctl reload prints warnings beside what has changed", async () => {
  const warning = { kind: "problem", severity: "warning", text: "f:1:2: warning: odd", error: null } as const;
  const { status, err } = await show([warning, { kind: "reload", outcome: "inForce", version: 2 }]);
  deepEqual([status, err], [0, "f:1:2: warning: odd\n"]);
});

Deno.test("smtpctl reload paints on a terminal only", async () => {
  const { out } = await show([changes[0]!, { kind: "reload", outcome: "inForce", version: 2 }], { colour: true });
  equal(out, "\x1b[32m+ match from any for any reject\x1b[0m\nversion 2 is in force\n");
});

Deno.test("smtpctl reload --json prints one object, whatever comes of it", async () => {
  const { out, status } = await show([...changes, { kind: "reload", outcome: "inForce", version: 4 }], { json: true });
  deepEqual([status, JSON.parse(out)], [0, {
    outcome: "inForce",
    version: 4,
    changes: [change, gone, limit],
    problems: [],
  }]);
  const place = { file: "f", line: 1, column: 2, length: 1, excerpt: "x", notes: [] };
  const error = { ...place, severity: "error", message: "no", hint: null } as const;
  const placed = { ...problem, error };
  const refused = await show([problem, placed, { kind: "reload", outcome: "refused", version: 3 }], { json: true });
  deepEqual([refused.status, refused.err, JSON.parse(refused.out)], [1, "", {
    outcome: "refused",
    version: null,
    changes: [],
    problems: [{ file: null, line: null, column: null, severity: "error", message: problem.text }, error],
  }]);
});

Deno.test("show status says what is in force, and why the last reload failed", () => {
  const status = { file: "/etc/smtpd.conf", version: 2, loadedAt: 0, failure: null };
  equal(viewConfiguration(status), "configuration /etc/smtpd.conf version 2, loaded 1970-01-01T00:00:00.000Z\n");
  const failed = { ...status, failure: { at: 1000, reason: "f:1:2: error: no" } };
  equal(
    viewConfiguration(failed),
    viewConfiguration(status) + "reload failed 1970-01-01T00:00:01.000Z: f:1:2: error: no\n",
  );
  deepEqual(configurationJson(failed), {
    file: "/etc/smtpd.conf",
    version: 2,
    loadedAt: "1970-01-01T00:00:00.000Z",
    failure: { at: "1970-01-01T00:00:01.000Z", reason: "f:1:2: error: no" },
  });
});
