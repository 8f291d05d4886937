/** Clients that others wrote log in: swaks, Python's smtplib with an implementation of SCRAM that is not ours, and msmtp,
 * whose SCRAM is GNU SASL's. */

import { deepEqual, equal, match } from "node:assert/strict";
import { freePort, Site } from "../e2e/daemon.ts";
import { Certificates, openssl } from "../support/certificates.ts";
import { runProgram } from "../support/command.ts";
import { findProgram } from "../support/programs.ts";

const swaks = findProgram("swaks") ?? "";
const python = findProgram("python3") ?? "";
const msmtp = findProgram("msmtp");
const ignore = swaks === "" || python === "" || openssl === null;

/** What smtpctl, crypt(3) and OpenSSL make of `Hello world!`, and PLAIN text. */
const users = [
  "bcrypt $2b$05$abcdefghijklmnopqrstuu7nFISH/8YdwlXD3lw69A4iBUf6fvWAW",
  "sha $6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
  "text {PLAIN}Hello world!",
];

const script = `
import base64, hashlib, hmac, json, smtplib, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
context.check_hostname = False
password = "Hello world!"

class Scram:
    def __init__(self, user, password):
        self.user, self.password, self.step, self.verified = user, password, 0, False
    def __call__(self, challenge=None):
        self.step += 1
        if self.step == 1:
            self.bare = "n=%s,r=fyko+d2lbbFgONRv9qkxdawL" % self.user
            return "n,," + self.bare
        text = challenge.decode() if isinstance(challenge, bytes) else challenge
        if self.step == 2:
            parts = dict(one.split("=", 1) for one in text.split(","))
            salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
            sign = lambda key, data: hmac.new(key, data, "sha256").digest()
            key = sign(salted, b"Client Key")
            unproved = "c=biws,r=" + parts["r"]
            signed = ",".join([self.bare, text, unproved]).encode()
            proof = bytes(a ^ b for a, b in zip(key, sign(hashlib.sha256(key).digest(), signed)))
            self.expected = "v=" + base64.b64encode(sign(sign(salted, b"Server Key"), signed)).decode()
            return unproved + ",p=" + base64.b64encode(proof).decode()
        self.verified = text == self.expected
        return ""

def session():
    smtp = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), local_hostname="client.test", timeout=30)
    smtp.starttls(context=context)
    smtp.ehlo()
    return smtp

seen = {}
with session() as smtp:
    seen["offered"] = smtp.esmtp_features["auth"]
    for mechanism in ["auth_plain", "auth_login"]:
        with session() as one:
            one.user, one.password = "bcrypt", password
            name = mechanism[5:].upper()
            seen[name] = one.auth(name, getattr(one, mechanism))[0]
    with session() as one:
        one.login("text", password)
        one.sendmail("ann@client.test", ["bob@example.org"], b"Subject: by smtplib\\r\\n\\r\\nHello\\r\\n")
    for user in ["scram", "text"]:
        with session() as one:
            scram = Scram(user, password)
            code = one.docmd("AUTH SCRAM-SHA-256", base64.b64encode(scram().encode()).decode())
            while code[0] == 334:
                code = one.docmd(base64.b64encode(scram(base64.b64decode(code[1])).encode()).decode())
            seen["scram " + user] = [code[0], scram.verified]
    with session() as one:
        one.user, one.password = "bcrypt", "wrong"
        try:
            one.auth("PLAIN", one.auth_plain)
        except smtplib.SMTPAuthenticationError as error:
            seen["wrong"] = error.smtp_code
print(json.dumps(seen))
`;

Deno.test({
  name: "swaks and smtplib log in by every mechanism, with every kind of stored password",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    await made.issue("ca", { isAuthority: true });
    await made.issue("main", { names: ["mx.test"], by: "ca" });
    const port = freePort();
    await using site = await Site.make((site) => [
      `pki main cert "${made.path("main", "crt")}" key "${made.path("main", "key")}"`,
      ...site.localLines(),
      `table logins file:${site.dir}/logins`,
      `listen on 127.0.0.1 port ${port} tls pki main auth <logins> mechanisms "PLAIN LOGIN SCRAM-SHA-256"`,
      'match auth from any for domain "example.org" action "local"',
    ]);
    const { stdout: verifier } = await site.run("smtpctl", ["encrypt", "--method", "scram"], "Hello world!\n");
    await Deno.writeTextFile(`${site.dir}/logins`, [...users, `scram ${verifier.trimEnd()}`, ""].join("\n"));
    const daemon = await site.start();
    for (const [mechanism, user] of [["PLAIN", "sha"], ["LOGIN", "text"], ["PLAIN", "scram"]] as const) {
      const { code, stdout, stderr } = await runProgram(swaks, [
        ...["--server", "127.0.0.1", "--port", String(port), "--ehlo", "client.test", "--tls"],
        ...["--auth", mechanism, "--auth-user", user, "--auth-password", "Hello world!"],
        ...["--from", "ann@client.test", "--to", "bob@example.org"],
      ]);
      equal(code, 0, stdout + stderr);
      match(stdout, /<~\s+235 2\.7\.0/);
    }
    const { code, stdout, stderr } = await runProgram(python, ["-c", script, String(port), made.path("ca", "crt")]);
    equal(code, 0, stderr);
    deepEqual(JSON.parse(stdout), {
      offered: " PLAIN LOGIN SCRAM-SHA-256",
      PLAIN: 235,
      LOGIN: 235,
      "scram scram": [235, true],
      "scram text": [235, true],
      wrong: 535,
    });
    if (msmtp !== null) {
      const login = (given: string, args: readonly string[]) => mailByMsmtp(msmtp, port, given, args);
      const trust = `--tls-trust-file=${made.path("ca", "crt")}`;
      equal(await login("Hello world!", ["--auth=scram-sha-256", "--user=scram", trust]), 0);
      equal(await login("wrong", ["--auth=scram-sha-256", "--user=scram", trust]), msmtpMayNot);
    }
    await site.delivered(msmtp === null ? 4 : 5);
    await daemon.stop();
  },
});

/** EX_NOPERM, with which msmtp ends when it cannot log in. */
const msmtpMayNot = 77;

async function mailByMsmtp(
  program: string,
  port: number,
  password: string,
  args: readonly string[],
): Promise<number> {
  const { code } = await runProgram(program, [
    ...[
      "--file=/dev/null",
      "--host=127.0.0.1",
      "--tls-host-override=mx.test",
      `--port=${port}`,
      "--domain=client.test",
      "--tls=on",
    ],
    ...[`--passwordeval=echo '${password}'`, "--from=ann@client.test", ...args, "bob@example.org"],
  ], { stdin: "From: ann@client.test\nTo: bob@example.org\nSubject: by msmtp\n\nHello\n" });
  return code;
}
