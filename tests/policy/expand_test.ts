import assert from "node:assert/strict";
import { expandRecipient } from "../../lib/policy/expand.ts";
import { expansionNodesMax } from "../../lib/policy/expand_run.ts";
import { mailbox, originAt, policyOf, tablesOf } from "./tables.ts";
import { aliasConf, check, describe, expand, type Options, users } from "./expand_rig.ts";

function virtualConf(entries: string): string {
  return `action "v" maildir virtual { ${entries} }\naction "out" relay\n` +
    'match from any for domain a.test action "v"\nmatch for any action "out"\n';
}

Deno.test("expandRecipient() gives local users their mail, with the tag as sub-address", () =>
  check('action "m" maildir\nmatch action "m"\n', {
    "ann@localhost": ["m: ann for ann@localhost"],
    "Ann@localhost": ["m: ann for Ann@localhost"],
    "Joe+News@localhost": "550 5.1.1 Invalid recipient: <Joe+News@localhost>",
    "Bob+News@localhost": ["m: bob+news for Bob+News@localhost"],
    "bob+@localhost": ["m: bob for bob+@localhost"],
    "bob+a+b@localhost": ["m: bob+a+b for bob+a+b@localhost"],
    "+x@localhost": "550 5.1.1 Invalid recipient: <+x@localhost>",
    "nobody@localhost": "550 5.1.1 Invalid recipient: <nobody@localhost>",
    "../ann@localhost": '550 5.1.1 Invalid recipient: <"../ann"@localhost>',
  }));

Deno.test("expandRecipient() cuts at the delimiter that is configured", () =>
  check('smtp sub-addr-delim "-"\naction "m" maildir\nmatch action "m"\n', {
    "bob-x@localhost": ["m: bob+x for bob-x@localhost"],
    "bob+x@localhost": "550 5.1.1 Invalid recipient: <bob+x@localhost>",
  }));

Deno.test("expandRecipient() refuses what no rule takes, and what a rule rejects", () =>
  check('action "m" maildir\nmatch rcpt-to bob reject\nmatch action "m"\n', {
    "ann@elsewhere.test": "550 5.7.1 Delivery not authorized, message refused: <ann@elsewhere.test>",
    "bob@localhost": "550 5.7.1 Delivery not authorized, message refused: <bob@localhost>",
    "ann@localhost": ["m: ann for ann@localhost"],
  }));

Deno.test("expandRecipient() relays without a look at users", async () => {
  const { result, asked } = await expand('action "out" relay\nmatch for any action "out"\n', "X@Y.test");
  assert.deepEqual(describe(result), ["out: relay X@Y.test"]);
  assert.deepEqual(asked, ["netaddr <localhost> local"]);
});

Deno.test("expandRecipient() follows aliases", () =>
  check(
    aliasConf(
      `root = ann, "staff" = "ann, bob, carl@b.test", loop = loop, bob = "bob, bob@b.test", "carl+x" = root,
      deep = staff, "case" = ANN, self = "\\ann", gone = "error:550 5.7.1 left us", later = ":error:450 try again",
      odd = "error:550 4.7.1 text", list = "nobody, ann"`,
    ),
    {
      "root@localhost": ["local: ann for root@localhost"],
      "staff@localhost": [
        "local: ann for staff@localhost",
        "out: relay carl@b.test",
        "local: bob for staff@localhost",
        "out: relay bob@b.test",
      ],
      "bob@localhost": ["local: bob for bob@localhost", "out: relay bob@b.test"],
      "carl+x@localhost": ["local: ann for carl+x@localhost"],
      "carl+y@localhost": ["local: carl+y for carl+y@localhost"],
      "root+y@localhost": ["local: ann for root+y@localhost"],
      "case@localhost": ["local: ann for case@localhost"],
      "self@localhost": ["local: ann for self@localhost"],
      "loop@localhost": "550 5.1.1 Invalid recipient: <loop@localhost>",
      "gone@localhost": "550 5.7.1 left us",
      "later@localhost": "450 4.2.1 try again",
      "odd@localhost": "550 5.2.1 4.7.1 text",
      "list@localhost": "550 5.1.1 Invalid recipient: <list@localhost>",
    },
  ));

Deno.test("expandRecipient() asks an alias table for user+tag, then user", async () => {
  const { asked } = await expand(aliasConf("x = y"), "Joe+News@localhost");
  assert.deepEqual(asked.filter((one) => one.startsWith("alias")), [
    "alias <dynamic:0> joe+news",
    "alias <dynamic:0> joe",
  ]);
  assert.equal(asked.at(-1), "userinfo <getpwnam> joe", "there is no such user: no .forward is looked for");
});

Deno.test("expandRecipient() follows virtual maps", () =>
  check(
    virtualConf(
      `"joe@a.test" = carl, "@a.test" = bob, "tag+x@a.test" = "carl+news", "user" = "ann", "away@a.test" = "x@b.test",
      "two@a.test" = "away@a.test, ann@a.test", "carl+news" = carl`,
    ),
    {
      "joe@a.test": ["v: carl for joe@a.test"],
      "JOE+t@a.test": ["v: carl for JOE+t@a.test"],
      "any@a.test": ["v: bob for any@a.test"],
      "user@a.test": ["v: ann for user@a.test"],
      "away@a.test": ["out: relay x@b.test"],
      "two@a.test": ["out: relay x@b.test", "v: bob for ann@a.test"],
    },
    { from: "local" },
  ));

Deno.test("expandRecipient() keeps the tag that a virtual value names", () =>
  check(virtualConf('"tag@a.test" = "carl+news"'), {
    "tag+x@a.test": ["v: carl+news for tag+x@a.test"],
  }));

Deno.test("expandRecipient() asks a virtual map in order, and once more for the user without a catch-all", async () => {
  const { result, asked } = await expand(virtualConf('"@" = carl'), "Joe+News@a.test");
  assert.deepEqual(describe(result), ["v: carl for Joe+News@a.test"]);
  assert.deepEqual(asked.filter((one) => !/^(netaddr|domain)/.test(one)), [
    "alias <dynamic:0> joe+news@a.test",
    "alias <dynamic:0> joe@a.test",
    "alias <dynamic:0> joe+news",
    "alias <dynamic:0> joe",
    "alias <dynamic:0> @a.test",
    "alias <dynamic:0> @",
    "alias <dynamic:0> carl@",
    "alias <dynamic:0> carl",
    "userinfo <getpwnam> carl",
    "forward /home/carl",
  ]);
});

Deno.test("expandRecipient() tells an unknown virtual mailbox from a list that leads to one", () =>
  check(virtualConf('"list@a.test" = "gone@a.test"'), {
    "gone@a.test": "550 5.1.1 Invalid recipient: <gone@a.test>",
    "list@a.test": "550 5.2.4 Mailing list expansion problem: <list@a.test>",
  }));

Deno.test("expandRecipient() looks users up in the userbase of the action", () =>
  check(
    'table u { "vic" = "1:1:/v" }\naction "m" maildir user vmail userbase <u>\nmatch action "m"\n',
    { "vic@localhost": ["m: vic for vic@localhost"], "ann@localhost": "550 5.1.1 Invalid recipient: <ann@localhost>" },
  ));

Deno.test("expandRecipient() matches expanded addresses as local mail", () =>
  check(
    'action "v" maildir virtual { "l@a.test" = "x@b.test" }\naction "out" relay\n' +
      'match from any for domain a.test action "v"\nmatch from local for any action "out"\n',
    {
      "l@a.test": ["out: relay x@b.test"],
      "x@b.test": "550 5.7.1 Delivery not authorized, message refused: <x@b.test>",
    },
    { from: "198.51.100.7" },
  ));

Deno.test("expandRecipient() ends loops of addresses and of users", () =>
  check(
    aliasConf(`a = "b", b = "a", x = "y@a.test", y = "x@a.test", "ring" = "ring@a.test, ann"`),
    {
      "a@localhost": "550 5.2.4 Mailing list expansion problem: <a@localhost>",
      "x@a.test": "550 5.2.4 Mailing list expansion problem: <x@a.test>",
      "ring@a.test": "550 5.2.4 Mailing list expansion problem: <ring@a.test>",
    },
  ));

Deno.test("expandRecipient() names the loop when it refuses", async () => {
  const conf = aliasConf(`a = "b", b = "a", x = "y@a.test", y = "x@a.test", c = "d, ann", d = "c"`);
  const reasonOf = async (rcpt: string) => {
    const { result } = await expand(conf, rcpt);
    return result.kind === "refused" ? result.reason : result.kind;
  };
  assert.equal(await reasonOf("a@localhost"), "the expansion came to nothing: a -> b -> a is a loop");
  assert.match(
    await reasonOf("x@a.test"),
    /^more than 10 steps deep: (x@a\.test -> x -> y@a\.test -> y -> x@a\.test|.* -> )/,
  );
  assert.equal(await reasonOf("c@localhost"), "targets", "a loop on the way is no harm");
});

Deno.test("expandRecipient() follows nine steps and refuses the tenth", () => {
  const chain = Array.from({ length: 10 }, (_, i) => `u${i} = u${i + 1}`).join(", ");
  return check(aliasConf(`${chain}, u9 = ann`), {
    "u1@localhost": "550 5.2.4 Mailing list expansion problem: <u1@localhost>",
    "u2@localhost": ["local: ann for u2@localhost"],
  });
});

Deno.test("expandRecipient() gives no two targets that are alike", () =>
  check(
    aliasConf(
      'l = "ann, ann, x@b.test, m, x@b.test", m = "ann, x@b.test, n@a.test, o@a.test", n = "x@b.test", o = "x@b.test"',
    ),
    {
      "l@localhost": ["local: ann for l@localhost", "out: relay x@b.test"],
    },
  ));

Deno.test("expandRecipient() refuses for now what tables cannot answer", async () => {
  const temporary = (rcpt: string) => `451 4.3.0 Temporary failure: <${rcpt}>`;
  const alias = 'table t { "x" = "y" }\naction "m" maildir alias <t>\nmatch action "m"\n';
  const virtual = 'table t { "x" = "y" }\naction "m" maildir virtual <t>\nmatch action "m"\n';
  const base = 'table t { "x" = "y" }\naction "m" maildir userbase <t>\nmatch action "m"\n';
  const rule = "table t { x }\nmatch rcpt-to <t> reject\n";
  const broken = { broken: ["t"] };
  await check(alias, { "ann@localhost": temporary("ann@localhost") }, broken);
  await check(base, { "ann@localhost": temporary("ann@localhost") }, broken);
  await check(rule, { "ann@localhost": temporary("ann@localhost") }, broken);
  await check(virtual, { "ann@localhost": "451 4.2.4 Mailing list expansion problem: <ann@localhost>" }, broken);
  const { result } = await expand(alias, "ann@localhost", broken);
  assert.equal(result.kind === "refused" && result.reason, "Cannot read table t: it is down");
});

Deno.test("expandRecipient() refuses for now a value that is no value", async () => {
  // The configuration itself is checked, so the bad value stands in a file.
  const conf = 'table t file:/t\naction "m" maildir alias <t>\nmatch action "m"\n';
  const reasonOf = async (value: string) => {
    const policy = policyOf(conf);
    const tables = tablesOf(policy, { users });
    const source = {
      ...tables,
      table: (name: string) =>
        name === "t" ? { ...tables.table(name), lookup: () => Promise.resolve(value) } : tables.table(name),
    };
    const candidate = { origin: originAt("local"), sender: null, rcpt: mailbox("x@localhost") };
    const result = await expandRecipient(candidate, policy, source);
    assert.equal(describe(result), "451 4.3.0 Temporary failure: <x@localhost>");
    return result.kind === "refused" ? result.reason : "";
  };
  assert.equal(await reasonOf("first last"), "entry x of table t: invalid user name `first last`: it has a space");
  // OpenSMTPD cuts this one at the @ and delivers to bob.
  assert.match(await reasonOf("bob@exa_mple.org"), /is not a domain/);
});

Deno.test("expandRecipient() gives files, commands and Maildirs of tables to the account of aliases", async () => {
  const conf = aliasConf(
    `f = "/var/log/mail", c = "\\"|/bin/prog -a 'x, y'\\"", m = "maildir:/srv/archive, ann", t = "c, c"`,
  );
  await check(conf, {
    "f@localhost": ["local: _smtpd file /var/log/mail (table) for f@localhost"],
    "c+tag@localhost": ["local: _smtpd command /bin/prog -a 'x, y' (table) for c+tag@localhost"],
    "m@localhost": ["local: _smtpd maildir /srv/archive (table) for m@localhost", "local: ann for m@localhost"],
    "t@localhost": ["local: _smtpd command /bin/prog -a 'x, y' (table) for t@localhost"],
  });
  const { result } = await expand(conf, "c@localhost");
  assert.deepEqual(result.kind === "targets" && result.warnings, [], "no trouble: who asks is told");
});

/** The same configuration with another method of its first action. */
async function expandAs(method: "forward-only" | "expand-only", rcpt: string, options: Options) {
  const policy = policyOf(aliasConf('x = "ann, y@b.test", f = "/f", e = "error:550 no", nobody = "z@b.test"'));
  const local = policy.actions["local"];
  assert.ok(local?.kind === "local");
  const changed = { ...policy, actions: { ...policy.actions, local: { ...local, method: { kind: method } } } };
  const candidate = { origin: originAt("local"), sender: null, rcpt: mailbox(rcpt) };
  const tables = tablesOf(policy, { users, ...options });
  return { what: describe(await expandRecipient(candidate, changed, tables)), asked: tables.asked };
}

Deno.test("expandRecipient() delivers nothing itself under forward-only", async () => {
  const forwards = { ann: "ann@b.test", carl: "carl", root: "/f" };
  const later = (rcpt: string) => `451 4.2.4 Mailing list expansion problem: <${rcpt}>`;
  const cases: Readonly<Record<string, readonly string[] | string>> = {
    "ann@localhost": ["out: relay ann@b.test"],
    "x@localhost": ["out: relay y@b.test", "out: relay ann@b.test"],
    "bob@localhost": later("bob@localhost"),
    "carl@localhost": later("carl@localhost"),
    "root@localhost": later("root@localhost"),
    "f@localhost": later("f@localhost"),
    "e@localhost": later("e@localhost"),
    "none@localhost": "550 5.1.1 Invalid recipient: <none@localhost>",
  };
  for (const [rcpt, want] of Object.entries(cases)) {
    assert.deepEqual((await expandAs("forward-only", rcpt, { forwards })).what, want, rcpt);
  }
});

Deno.test("expandRecipient() follows tables and no .forward under expand-only", async () => {
  const forwards = { ann: "ann@b.test" };
  const { what, asked } = await expandAs("expand-only", "ann@localhost", { forwards });
  assert.equal(what, "550 5.2.4 Mailing list expansion problem: <ann@localhost>");
  assert.equal(asked.some((one) => one.startsWith("forward")), false);
  assert.deepEqual((await expandAs("expand-only", "nobody@localhost", {})).what, ["out: relay z@b.test"]);
  assert.deepEqual((await expandAs("expand-only", "f@localhost", {})).what, [
    "local: _smtpd file /f (table) for f@localhost",
  ]);
  assert.equal((await expandAs("expand-only", "e@localhost", {})).what, "550 5.2.1 no");
});

Deno.test("expandRecipient() puts included files in the place of the words that name them", async () => {
  const conf = aliasConf(
    `l = ":include:/list, carl", lost = "include:/lost", bob = ":include:/lost", bad = ":include:/bad",
    broken = ":include:/broken", nested = ":include:/nested"`,
  );
  const files = {
    "/list": "# staff\nann, bob # both\n\\\nx@b.test\nann\\\n, y@b.test\r\n",
    "/bad": "ann\n\nfirst last\n",
    "/nested": "ann, :include:/list\n",
  };
  const { result } = await expand(conf, "l@localhost", { files });
  assert.deepEqual([...describe(result)].sort(), [
    "local: ann for l@localhost",
    "local: bob for l@localhost",
    "local: carl for l@localhost",
    "out: relay x@b.test",
    "out: relay y@b.test",
  ]);
  await check(conf, {
    "lost@localhost": "550 5.1.1 Invalid recipient: <lost@localhost>",
    "bob@localhost": ["local: bob for bob@localhost"],
    "bad@localhost": "451 4.3.0 Temporary failure: <bad@localhost>",
    "broken@localhost": "451 4.3.0 Temporary failure: <broken@localhost>",
    "nested@localhost": ["local: ann for nested@localhost"],
  }, { files });
  const nested = (await expand(conf, "nested@localhost", { files })).result;
  assert.deepEqual(nested.kind === "targets" && nested.warnings, [
    "/nested includes /list: an included file includes nothing more",
  ]);
  const lost = (await expand(conf, "bob@localhost", { files })).result;
  assert.deepEqual(lost.kind === "targets" && lost.warnings, ["included file /lost does not exist"]);
  const bad = (await expand(conf, "bad@localhost", { files })).result;
  assert.equal(bad.kind === "refused" && bad.reason, "/bad:3: invalid user name `first last`: it has a space");
});

Deno.test("expandRecipient() takes a list of the longest length, and refuses one more for now", async () => {
  const conf = aliasConf('l = ":include:/list"');
  const list = (length: number) => ({
    files: { "/list": Array.from({ length }, (_, i) => `u${i}@b.test`).join("\n") },
  });
  const most = await expand(conf, "l@localhost", list(expansionNodesMax - 1));
  assert.equal(most.result.kind === "targets" && most.result.targets.length, expansionNodesMax - 1);
  const { result } = await expand(conf, "l@localhost", list(expansionNodesMax));
  assert.equal(describe(result), "451 4.2.4 Mailing list expansion problem: <l@localhost>");
});

Deno.test("expandRecipient() passes on what is no Fault", async () => {
  const policy = policyOf('action "m" maildir\nmatch action "m"\n');
  const tables = tablesOf(policy);
  const source = {
    ...tables,
    table: (name: string) => ({ ...tables.table(name), lookup: () => Promise.reject(new TypeError("a bug")) }),
  };
  const candidate = { origin: originAt("local"), sender: null, rcpt: mailbox("ann@localhost") };
  await assert.rejects(expandRecipient(candidate, policy, source), TypeError);
});
