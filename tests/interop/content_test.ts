/** What becomes of content, as other programs see it: messages in chunks, binary parts, new mail. */

import { equal, match, ok } from "node:assert/strict";
import { join } from "@std/path";
import { Site } from "../e2e/daemon.ts";
import { runProgram } from "../support/command.ts";
import { findProgram } from "../support/programs.ts";

const python = findProgram("python3") ?? "";
const msmtp = findProgram("msmtp") ?? "";
const snail = findProgram("s-nail") ?? "";

/** A client that speaks BDAT, which smtplib does not, and a reader of what was delivered. */
const script = `
import email, email.policy, smtplib, socket, sys
from email.message import EmailMessage
octets = bytes(range(256)) * 40 + b"\\r\\n.\\r\\n\\n\\r"
port, submit = int(sys.argv[1]), sys.argv[2]
class Unix(smtplib.SMTP):
    def _get_socket(self, host, port, timeout):
        one = socket.socket(socket.AF_UNIX)
        one.connect(submit)
        return one
def chunk(smtp, data, last):
    smtp.sock.sendall(b"BDAT %d%s\\r\\n" % (len(data), b" LAST" if last else b"") + data)
    return smtp.getreply()[0]
with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=20) as smtp:
    smtp.ehlo()
    assert smtp.has_extn("chunking") and smtp.has_extn("binarymime"), smtp.esmtp_features
    smtp.docmd("MAIL FROM:<ann@client.test> BODY=BINARYMIME")
    smtp.docmd("RCPT TO:<bob@example.org>")
    message = (b"From: ann\\r\\nTo: bob\\r\\nSubject: binary\\r\\nMIME-Version: 1.0\\r\\n"
        b"Content-Type: multipart/mixed; boundary=xyz\\r\\nContent-Transfer-Encoding: binary\\r\\n\\r\\n"
        b"--xyz\\r\\n\\r\\n.text\\r\\n--xyz\\r\\nContent-Type: application/octet-stream\\r\\n"
        b"Content-Transfer-Encoding: binary\\r\\n\\r\\n" + octets + b"\\r\\n--xyz--\\r\\n")
    codes = [chunk(smtp, message[at:at + 1000], False) for at in range(0, len(message), 1000)]
    codes.append(chunk(smtp, b"", True))
    assert set(codes) == {250}, codes
with Unix("localhost", 1, local_hostname="client.test", timeout=20) as smtp:
    message = EmailMessage()
    message["From"] = "ann"
    message["To"] = "bob@example.org"
    message["Subject"] = "new"
    message["Bcc"] = "secret@example.org"
    message.set_content("hi")
    refused = smtp.sendmail("ann@client.test", ["bob@example.org"], message.as_bytes(policy=email.policy.SMTP))
    assert refused == {}, refused
`;

const read = `
import email, email.policy, sys
octets = bytes(range(256)) * 40 + b"\\r\\n.\\r\\n\\n\\r"
message = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
text, part = message.iter_parts()
assert text.get_content() == ".text", text.get_content()
assert part.get_content() == octets, len(part.get_content())
assert message["From"].addresses[0].domain == "" and message["Date"] is None, message["From"]
print("same")
`;

Deno.test({
  name: "a binary message in chunks keeps its octets, and new mail is completed",
  ignore: python === "",
}, async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const submit = join(site.state, "submit.sock");
  const { code, stderr } = await runProgram(python, ["-c", script, String(site.port), submit]);
  equal(code, 0, stderr);
  const mails = await site.delivered(2);
  const binary = mails.find((mail) => mail.includes("\nSubject: binary\n")) ?? "";
  const seen = await runProgram(python, ["-c", read], { stdin: binary });
  equal(seen.stdout, "same\n", seen.stderr);
  const made = mails.find((mail) => mail.includes("\nSubject: new\n")) ?? "";
  match(made, /^From: ann@[^\s]+$/m);
  match(made, /^Date: /m);
  match(made, /^Message-ID: </m);
  ok(!made.includes("secret"), made);
  await daemon.stop();
});

Deno.test({
  name: "msmtp and s-nail hand in mail",
  ignore: msmtp === "" && snail === "",
}, async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  let count = 0;
  if (msmtp !== "") {
    const args = ["--host=127.0.0.1", `--port=${site.port}`, "--tls=off", "--auth=off", "--from=ann@client.test"];
    const stdin = "From: ann@client.test\nTo: bob@example.org\nSubject: msmtp\n\n.dot\n";
    const { code, stderr } = await runProgram(msmtp, [...args, "--file=/dev/null", "bob@example.org"], { stdin });
    equal(code, 0, stderr);
    count++;
  }
  if (snail !== "") {
    const settings = [
      "v15-compat",
      `mta=smtp://127.0.0.1:${site.port}`,
      "smtp-auth=none",
      "from=ann@client.test",
      "hostname=client.test",
    ];
    const args = ["-:/", "-s", "s-nail", ...settings.flatMap((one) => ["-S", one]), "bob@example.org"];
    const { code, stderr } = await runProgram(snail, args, { stdin: "hello\n.dot\n", env: { HOME: site.dir } });
    equal(code, 0, stderr);
    count++;
  }
  const mails = await site.delivered(count);
  ok(mails.every((mail) => mail.includes("\n.dot\n")), mails.join("\n---\n"));
  await daemon.stop();
});
