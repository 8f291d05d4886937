/** Names of ports, as /etc/services has them (services(5)). */

/** Reads the text of the file: ports of TCP by the names and aliases of their services. The first line of a name counts. */
export function parseServices(text: string): ReadonlyMap<string, number> {
  const ports = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [name, place, ...aliases] = line.replace(/#.*/, "").trim().split(/\s+/);
    const port = /^([0-9]{1,5})\/tcp$/.exec(place ?? "")?.[1];
    if (name === undefined || port === undefined || Number(port) > 65535) continue;
    for (const one of [name, ...aliases]) if (!ports.has(one)) ports.set(one, Number(port));
  }
  return ports;
}
