import { deepEqual, equal } from "node:assert/strict";
import { unwantedSuites } from "../../lib/policy/ciphers.ts";

Deno.test("unwantedSuites() finds nothing in lists that allow what the library does", () => {
  for (
    const list of [
      "HIGH:!aNULL:!MD5",
      "HIGH:!aNULL:!MD5:!RC4:!3DES:!DSS:!EXP:!LOW",
      "DEFAULT",
      "secure",
      "compat",
      "ALL:!eNULL@STRENGTH",
      "EECDH+AESGCM:EECDH+CHACHA20:!aNULL",
      "kEECDH:+AES128:!SSLv3",
      "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:" +
      "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256",
      "HIGH,!aNULL @STRENGTH",
    ]
  ) deepEqual(unwantedSuites(list), [], list);
});

Deno.test("unwantedSuites() names what a list leaves out", () => {
  for (
    const [list, count] of [
      ["", 6],
      ["AES128-SHA", 6],
      ["MEDIUM", 6],
      ["nonsense", 6],
      ["ECDHE-ECDSA-CHACHA20-POLY1305", 5],
      ["HIGH:!CHACHA20", 2],
      ["HIGH:-AES128", 2],
      ["HIGH:-AES128:AES128", 0],
      ["HIGH:!AES128:AES128", 2],
      ["EECDH+AESGCM", 2],
      ["ECDSA", 3],
      ["aRSA+AES256", 5],
    ] as const
  ) equal(unwantedSuites(list).length, count, list);
  deepEqual(unwantedSuites("HIGH:!CHACHA20"), ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"]);
});
