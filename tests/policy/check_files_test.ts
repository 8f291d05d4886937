import assert from "node:assert/strict";
import { checkFiles, type FileFacts, judgePki } from "../../lib/policy/check_files.ts";
import { collectErrors } from "../../lib/policy/error.ts";
import { loadText } from "./config_fixture.ts";

const loaded = loadText(
  `pki mx.test cert "/c"
pki mx.test key "/k"
ca mx.test cert "/ca"
table f file:/f
table r "proc:/bin/helper"
table s sqlite:/s.conf
match for local reject
`,
  { "/s.conf": "dbpath /s.db\nquery_alias SELECT x FROM a WHERE k = ?\n" },
);
assert.ok(loaded.kind === "ok");
const { policy, config } = loaded;

const now = Date.UTC(2026, 0, 15);
const days = (count: number): number => now + count * 86_400_000;
const found = { kind: "found", mode: 0o644, uid: 0 } as const;
const valid = { kind: "read", notBefore: days(-10), notAfter: days(60), count: 1 } as const;
type PkiFacts = FileFacts["pki"] extends ReadonlyMap<string, infer One> ? One : never;
const fine: PkiFacts = {
  cert: found,
  certificate: valid,
  key: { kind: "found", mode: 0o600, uid: 0 },
  privateKey: { kind: "read", fits: true },
};

function told(changes: Partial<PkiFacts>, others: Partial<FileFacts> = {}): readonly string[] {
  const facts: FileFacts = {
    pki: new Map([["mx.test", { ...fine, ...changes }]]),
    ca: new Map([["mx.test", { cert: found, certificate: valid }]]),
    tables: new Map(),
    unreachable: new Map(),
    settings: new Map(),
    includes: new Map(),
    unknownUsers: new Set(),
    now,
    uid: 1000,
    ...others,
  };
  return collectErrors(checkFiles(policy, config, facts)).map(({ severity, line, message }) =>
    `${severity} ${line} ${message}`
  );
}

Deno.test("checkFiles() says nothing of files that are fine", () => {
  assert.deepEqual(told({}), []);
  assert.deepEqual(told({ key: { kind: "found", mode: 0o740, uid: 1000 } }), []);
  assert.deepEqual(
    told({ cert: { kind: "found", mode: 0o755, uid: 0 }, privateKey: { kind: "read", fits: null } }),
    [],
  );
});

Deno.test("checkFiles() tells of certificates and keys, each at its path", () => {
  const cases: readonly (readonly [Partial<PkiFacts>, ...want: readonly string[]])[] = [
    [
      { cert: { kind: "failed", fault: "notFound" }, certificate: null },
      "error 1 cannot read the certificate /c: no such file",
    ],
    [
      { key: { kind: "failed", fault: "denied" }, privateKey: null },
      "warning 2 cannot read the key /k: permission denied",
    ],
    [
      { key: { kind: "found", mode: 0o644, uid: 0 } },
      "error 2 the key /k can be read by others: its mode is 0644, and at most 0740",
    ],
    [
      { cert: { kind: "found", mode: 0o664, uid: 0 } },
      "error 1 the certificate /c can be changed by others: its mode is 0664, and at most 0755",
    ],
    [{ cert: { ...found, uid: 7 } }, "error 1 the certificate /c belongs to uid 7: it has to be root's"],
    [{ certificate: { kind: "malformed", isKey: false } }, "error 1 /c is no certificate in PEM form"],
    [
      { cert: { kind: "directory" }, certificate: null },
      "error 1 the certificate /c is a directory: it has to be a file",
    ],
    [{ key: { kind: "directory" }, privateKey: null }, "error 2 the key /k is a directory: it has to be a file"],
    [
      {
        cert: { kind: "found", mode: 0o600, uid: 0 },
        certificate: { kind: "malformed", isKey: true },
        key: found,
        privateKey: { kind: "malformed", isCertificate: true },
      },
      "error 1 the certificate and the key are the wrong way round: /c is a key, and /k a certificate",
    ],
    [{ privateKey: { kind: "malformed", isCertificate: false } }, "error 2 /k is no private key in PEM form"],
    [
      { privateKey: { kind: "encrypted" } },
      "error 2 the key /k is encrypted, and nobody is there to type its passphrase",
    ],
    [{ privateKey: { kind: "read", fits: false } }, "error 2 the key /k does not belong to the certificate /c"],
    [{ certificate: { ...valid, notAfter: days(-1) } }, "warning 1 the certificate /c expired on 2026-01-14"],
    [{ certificate: { ...valid, notBefore: days(2) } }, "warning 1 the certificate /c is valid from 2026-01-17 on"],
    [
      { certificate: { ...valid, notAfter: days(13) } },
      "warning 1 the certificate /c expires in 13 days, on 2026-01-28",
    ],
    [{ certificate: { ...valid, notAfter: days(1) } }, "warning 1 the certificate /c expires in 1 day, on 2026-01-16"],
    [{ certificate: { ...valid, notAfter: days(0.5) } }, "warning 1 the certificate /c expires today, on 2026-01-15"],
    [{ certificate: { ...valid, notAfter: days(14) } }],
  ];
  for (const [changes, ...want] of cases) assert.deepEqual(told(changes), want);
});

Deno.test("checkFiles() says what stands in the place of a certificate or a key", () => {
  const hints = (changes: Partial<PkiFacts>) =>
    judgePki({ cert: "/c", key: "/k" }, { ...fine, ...changes }, { now, uid: 0 }).map(({ hint }) => hint);
  assert.deepEqual(hints({ certificate: { kind: "malformed", isKey: true } }), ["it is a private key"]);
  assert.deepEqual(hints({ privateKey: { kind: "malformed", isCertificate: true } }), ["it is a certificate"]);
  assert.deepEqual(hints({ cert: { kind: "directory" }, certificate: null }), [
    "name the file in it, such as /c/fullchain.pem",
  ]);
});

Deno.test("checkFiles() does not tell of the end of one certificate among many authorities", () => {
  const expired = { ...valid, notAfter: days(-1) };
  const of = (count: number) =>
    told({}, { ca: new Map([["mx.test", { cert: found, certificate: { ...expired, count } }]]) });
  assert.deepEqual(of(1), ["warning 3 the certificate /ca expired on 2026-01-14"]);
  assert.deepEqual(of(100), []);
  assert.deepEqual(of(140), ["warning 3 /ca has 140 certificates"], "more than clients can be told of");
});

Deno.test("checkFiles() tells of tables: what is elsewhere may be up when it is needed", () => {
  const of = (name: string, fault: "notFound" | "malformed" | "denied" | "refused" | "timeout") =>
    told({}, { tables: new Map([[name, { fault, message: "Cannot open it" }]]) });
  assert.deepEqual(of("f", "notFound"), ["error 4 cannot read /f: no such file"]);
  assert.deepEqual(of("f", "malformed"), ["error 4 Cannot open it"]);
  assert.deepEqual(of("f", "denied"), ["warning 4 cannot read /f: permission denied"]);
  assert.deepEqual(of("s", "notFound"), ["error 6 cannot read /s.db: no such file"]);
  assert.deepEqual(of("s", "malformed"), ["error 6 Cannot open it"]);
  assert.deepEqual(of("r", "refused"), ["warning 5 Cannot open it"]);
  assert.deepEqual(of("r", "timeout"), ["warning 5 Cannot open it"]);
});

Deno.test("checkFiles() tells of accounts that do not exist and of includes that cannot be read, each at its word", () => {
  const lines = loadText(`table al {
  root = "ann, :include:/gone",
  all = ":include:/there"
}
action "a" maildir alias <al> user vmail
action "b" maildir user ann
match for local action "a"
match for any action "b"
`);
  assert.ok(lines.kind === "ok");
  const facts: FileFacts = {
    pki: new Map(),
    ca: new Map(),
    tables: new Map(),
    unreachable: new Map(),
    settings: new Map(),
    includes: new Map([["/gone", "notFound"]]),
    unknownUsers: new Set(["vmail"]),
    now,
    uid: 1000,
  };
  const found = collectErrors(checkFiles(lines.policy, lines.config, facts));
  assert.deepEqual(found.map(({ severity, line, column, message }) => `${severity} ${line}:${column} ${message}`), [
    "warning 2:10 cannot include /gone: no such file",
    "warning 5:36 no such user: vmail: mail of this action goes back to its senders",
  ]);
});

Deno.test("checkFiles() tells of tables that their reader cannot reach, and of settings that others can read", () => {
  const settings = (words: string) => [["conninfo", words], ["query_alias", "SELECT 1"]] as const;
  const lines = loadText(`table al file:/priv/al
table pg file:/x
action "a" maildir alias <al>
action "b" maildir alias <pg>
match for local action "a"
match for any action "b"
`);
  assert.ok(lines.kind === "ok");
  const found = (mode: number, words: string, barrier: string) => {
    const pg = { kind: "postgres", name: "pg", path: "/etc/pg.conf", settings: settings(words) } as const;
    const facts: FileFacts = {
      pki: new Map(),
      ca: new Map(),
      tables: new Map(),
      unreachable: new Map([["al", { account: "_smtpd", barrier }]]),
      settings: new Map([["pg", { kind: "found", mode, uid: 0 }]]),
      includes: new Map(),
      unknownUsers: new Set(),
      now,
      uid: 0,
    };
    const changed = { ...lines.policy, tables: { ...lines.policy.tables, pg } };
    return collectErrors(checkFiles(changed, lines.config, facts)).map(({ severity, line, message }) =>
      `${severity} ${line} ${message}`
    );
  };
  const secret = "host=db password=x";
  const open = "warning 2 the settings file /etc/pg.conf can be";
  assert.deepEqual(found(0o666, secret, "/priv"), [
    "error 1 _smtpd cannot use /priv/al: it may not enter /priv",
    `${open} changed by others: its mode is 0666, and at most 0740`,
  ]);
  assert.deepEqual(found(0o644, secret, "/priv/al"), [
    "error 1 _smtpd cannot use /priv/al: it may not read it",
    `${open} read by others: its mode is 0644, and at most 0740`,
  ]);
  assert.equal(found(0o644, "host=db", "/priv").length, 1);
  assert.equal(found(0o600, secret, "/priv").length, 1);
});
