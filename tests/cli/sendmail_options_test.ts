import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { UsageError } from "../../cli/getopt.ts";
import { formatSendmailArguments, parseSendmailArguments, type SubmitOptions } from "../../cli/sendmail_options.ts";

const nothing: SubmitOptions = {
  sender: null,
  fullName: null,
  readRecipients: false,
  notify: [],
  ret: null,
  envId: null,
  verbose: false,
  recipients: [],
};

const submissions: readonly [args: readonly string[], want: Partial<SubmitOptions>][] = [
  [[], {}],
  [["a@b", "c"], { recipients: ["a@b", "c"] }],
  [["-t"], { readRecipients: true }],
  [["-ti"], { readRecipients: true }],
  [["-t", "-oi", "-oem", "-v"], { readRecipients: true, verbose: true }],
  [["-i", "-fa@b", "-FName", "x"], { sender: "a@b", fullName: "Name", recipients: ["x"] }],
  [["-f", "<a@b>", "-F", "A Name", "x"], { sender: "<a@b>", fullName: "A Name", recipients: ["x"] }],
  [["-r", "a@b"], { sender: "a@b" }],
  [["-fa@b", "-rc@d"], { sender: "c@d" }],
  [["-ra@b", "-fc@d"], { sender: "c@d" }],
  [["-f", ""], { sender: "" }],
  [["-bm", "x"], { recipients: ["x"] }],
  [["-bs", "x"], { recipients: ["x"] }],
  [["-bv", "x"], { recipients: ["x"] }],
  [["-A", "m", "-B8BITMIME", "-em", "-Ltag", "-pSMTP:a", "-m", "-x", "-E", "-S", "x"], { recipients: ["x"] }],
  [["-N", "success,FAILURE"], { notify: ["success", "failure"] }],
  [["-Nnever"], { notify: ["never"] }],
  [["-R", "HDRS"], { ret: "hdrs" }],
  [["-Rfull"], { ret: "full" }],
  [["-V", "job 17"], { envId: "job 17" }],
  [["--", "-t"], { recipients: ["-t"] }],
];

for (const [args, want] of submissions) {
  Deno.test(`parseSendmailArguments() reads [${args.join(" ")}]`, () => {
    assert.deepEqual(parseSendmailArguments(args), {
      request: { kind: "submit", options: { ...nothing, ...want } },
      state: null,
      json: false,
    });
  });
}

const others: readonly [args: readonly string[], kind: string][] = [
  [["-bp"], "mailq"],
  [["-b", "p"], "mailq"],
  [["-bi"], "newaliases"],
  [["-q"], "runQueue"],
  [["-q30m"], "runQueue"],
  [["--help"], "help"],
  [["-t", "--version"], "version"],
];

for (const [args, kind] of others) {
  Deno.test(`parseSendmailArguments() takes [${args.join(" ")}] for ${kind}`, () => {
    assert.deepEqual(parseSendmailArguments(args).request, { kind });
  });
}

Deno.test("parseSendmailArguments() reads --state, --json and --offline", () => {
  assert.deepEqual(parseSendmailArguments(["--state", "/s", "--json", "--offline=/s/offline/1.x"]), {
    request: { kind: "offline", file: "/s/offline/1.x" },
    state: "/s",
    json: true,
  });
});

const refused: readonly [args: readonly string[], message: RegExp][] = [
  [["-n"], /^Unknown option -n$/],
  [["-O", "x=y"], /^Unknown option -O$/],
  [["-G"], /^Unknown option -G$/],
  [["-f"], /^Option -f needs an argument$/],
  [["-N", "sometimes"], /^Option -N takes/],
  [["-N", "never,success"], /^Option -N takes/],
  [["-N", "success ORCPT=x;y"], /^Option -N takes/],
  [["-N", ""], /^Option -N takes/],
  [["-R", "body"], /^Option -R takes/],
  [["-V", ""], /^Option -V takes/],
  [["-V", "a\nb"], /^Option -V takes/],
  [["-V", "x".repeat(101)], /^Option -V takes/],
  [["-V", "=".repeat(34)], /^Option -V takes/],
  [["--stat", "/s"], /did you mean --state\?$/],
];

for (const [args, message] of refused) {
  Deno.test(`parseSendmailArguments() refuses [${args.join(" ").slice(0, 40)}]`, () => {
    assert.throws(
      () => parseSendmailArguments(args),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}

Deno.test("parseSendmailArguments() reads back what formatSendmailArguments() writes", () => {
  const word = fc.string({ unit: fc.constantFrom(..."-ab@. "), minLength: 1, maxLength: 10 });
  const options = fc.record({
    notify: fc.constantFrom<SubmitOptions["notify"]>([], ["never"], ["success", "delay"]),
    ret: fc.constantFrom<SubmitOptions["ret"]>(null, "full", "hdrs"),
    envId: fc.option(word),
  });
  fc.assert(
    fc.property(options, word, fc.array(word), (one, sender, recipients) => {
      const { request } = parseSendmailArguments(formatSendmailArguments(one, sender, recipients));
      assert.deepEqual(request, { kind: "submit", options: { ...nothing, ...one, sender, recipients } });
    }),
    { numRuns: 200 },
  );
});
