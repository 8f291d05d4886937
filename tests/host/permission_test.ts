import { equal } from "node:assert/strict";
import { holdsRight } from "../../lib/host/permission.ts";

Deno.test({
  name: "holdsRight() tells what this process may do",
  permissions: { read: [new URL(".", import.meta.url)], net: false, run: false, write: false },
  fn: () => {
    equal(holdsRight({ name: "read", path: new URL(".", import.meta.url).pathname }), true);
    equal(holdsRight({ name: "read", path: "/etc/shadow" }), false);
    equal(holdsRight({ name: "read" }), false);
    equal(holdsRight({ name: "net", host: "127.0.0.1:25" }), false);
    equal(holdsRight({ name: "run", command: "/bin/sh" }), false);
  },
});
