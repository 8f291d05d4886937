/** Sessions with STARTTLS, several at once, from a process of its own: `PORT PARALLEL COUNT MODE`. In mode `starttls` a
 * session is EHLO, STARTTLS, the handshake, EHLO and QUIT; in mode `submit` it also logs in as ann and hands one message
 * in. Each makes a handshake of its own, none is resumed. Prints how long all took, in ms. */

import net from "node:net";
import tls from "node:tls";

const [port, parallel, count] = Deno.args.slice(0, 3).map(Number);
const submits = Deno.args[3] === "submit";
const message = `Subject: bench\r\n\r\n${`${"x".repeat(70)}\r\n`.repeat(71)}`;

/** What is said once the session is secure, and the codes that are expected. */
const commands: readonly (readonly [line: string, code: string])[] = submits
  ? [
    ["EHLO client.test\r\n", "250"],
    [`AUTH PLAIN ${btoa("\0ann\0secret")}\r\n`, "235"],
    ["MAIL FROM:<ann@client.test>\r\n", "250"],
    ["RCPT TO:<bob@maildir.test>\r\n", "250"],
    ["DATA\r\n", "354"],
    [`${message}.\r\n`, "250"],
    ["QUIT\r\n", "221"],
  ]
  : [["EHLO client.test\r\n", "250"], ["QUIT\r\n", "221"]];

/** Reads whole replies of a socket; one at a time is waited for. */
function repliesOf(socket: net.Socket): (code: string) => Promise<void> {
  let text = "";
  let wake = () => {};
  const take = (data: Uint8Array) => {
    text += new TextDecoder("latin1").decode(data);
    wake();
  };
  socket.on("data", take);
  socket.on("error", (error) => {
    throw error;
  });
  return async (code) => {
    for (;;) {
      const end = /^(\d{3}) [^\n]*\r\n/m.exec(text);
      if (end !== null) {
        if (end[1] !== code) throw new Error(`${code} expected: ${text}`);
        text = text.slice(end.index + end[0].length);
        return;
      }
      await new Promise<void>((resolve) => wake = resolve);
    }
  };
}

async function session(): Promise<void> {
  const plain = net.connect({ host: "127.0.0.1", port: port ?? 0, noDelay: true });
  const said = repliesOf(plain);
  await said("220");
  plain.write("EHLO client.test\r\n");
  await said("250");
  plain.write("STARTTLS\r\n");
  await said("220");
  plain.removeAllListeners("data");
  const secure = tls.connect({ socket: plain, rejectUnauthorized: false });
  await new Promise<void>((resolve) => secure.once("secureConnect", () => resolve()));
  const answered = repliesOf(secure);
  for (const [line, code] of commands) {
    secure.write(line);
    await answered(code);
  }
  secure.destroy();
}

let left = count ?? 0;
const start = performance.now();
await Promise.all(Array.from({ length: parallel ?? 1 }, async () => {
  while (left-- > 0) await session();
}));
console.log(performance.now() - start);
Deno.exit(0);
