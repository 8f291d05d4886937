/** Tries what a role must not be able to do and prints what came of each attempt, as one JSON object. roles_test.ts
 * runs it under exactly the flags of a running role. Arguments: attempts such as `read:/etc/passwd`. */

import net from "node:net";

/** `refused` by Deno's permissions; `done`; or `failed` for any other reason. */
type Verdict = "refused" | "done" | "failed";

const attempts: Record<string, (what: string) => unknown> = {
  read: (path) => Deno.readFileSync(path).length,
  list: (path) => [...Deno.readDirSync(path)].length,
  write: (path) => Deno.writeTextFileSync(path, "x"),
  connect: (address) => connect(address),
  listen: (address) =>
    Deno.listen({ hostname: address.split(":")[0] ?? "", port: Number(address.split(":")[1]) }).close(),
  run: (program) => new Deno.Command(program, { args: ["-c", "exit 0"] }).outputSync(),
  env: (name) => Deno.env.get(name) ?? fail(new Deno.errors.NotCapable(name)),
  sys: () => Deno.hostname(),
  // Deno has no right for this: the module must not be in reach at all.
  npm: (name) => import(`npm:${name}`),
};

function fail(error: Error): never {
  throw error;
}

function connect(address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const [host, port] = address.split(":");
    const socket = net.connect(Number(port), host);
    socket.on("connect", () => {
      socket.destroy();
      resolve();
    });
    socket.on("error", reject);
  });
}

async function judge(attempt: string): Promise<Verdict> {
  const [kind = "", ...rest] = attempt.split(":");
  const run = attempts[kind];
  if (!run) throw new Error(`No attempt is called ${kind}`);
  try {
    await run(rest.join(":"));
    return "done";
  } catch (error) {
    const text = String(error);
    return error instanceof Deno.errors.NotCapable ||
        /NotCapable|npm packages? .*(disabled|--no-npm)|--no-npm/.test(text)
      ? "refused"
      : "failed";
  }
}

const verdicts: Record<string, Verdict> = {};
for (const attempt of Deno.args) verdicts[attempt] = await judge(attempt);
console.log(JSON.stringify(verdicts));
