import { deepEqual } from "node:assert/strict";
import { parseServices } from "../../lib/host/services.ts";

Deno.test("parseServices() reads ports of TCP with their aliases", () => {
  const text = `# services
smtp\t\t25/tcp\t\tmail
domain\t53/udp
submissions\t465/tcp\tssmtp smtps urd # Submission over TLS
mail 99/tcp
broken
too-big 65536/tcp
odd x/tcp
`;
  deepEqual([...parseServices(text)], [
    ["smtp", 25],
    ["mail", 25],
    ["submissions", 465],
    ["ssmtp", 465],
    ["smtps", 465],
    ["urd", 465],
  ]);
  deepEqual([...parseServices("")], []);
});
