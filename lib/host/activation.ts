/** Listening sockets that whoever started us has opened: sd_listen_fds(3). The rootless way to ports below 1024. */

import net from "node:net";
import type { Address } from "../port.ts";
import { Fault } from "../fault.ts";
import { duplicate, type HeldSocket, keepDescriptor } from "./net.ts";
import { addressOf, socketFault } from "./socket.ts";

/** Most descriptors that are taken. */
export const inheritedSocketsMax = 256;

/** What the environment says of them. */
export interface Activation {
  /** `LISTEN_PID`: for which process they are. */
  readonly pid: string | undefined;
  /** `LISTEN_FDS`: how many there are, from descriptor 3 on. */
  readonly count: string | undefined;
  /** `LISTEN_FDNAMES`: their names, with colons between them. */
  readonly names: string | undefined;
}

/** Sockets that were handed to us. */
export class InheritedSockets {
  readonly #sockets: readonly InheritedSocket[];

  /** All of them. */
  constructor(sockets: readonly InheritedSocket[]) {
    this.#sockets = sockets;
  }

  /** The socket that listens at an address; null when there is none. A unix socket goes by its descriptor's name, which
   * is its path. It may be asked for again after its release: it stays open until we end. */
  find(at: Address): HeldSocket | null {
    const found = this.#sockets.find(({ local }) =>
      at.kind === "unix"
        ? local.kind === "unix" && local.path === at.path
        : local.kind === "inet" && local.ip === at.ip && local.port === at.port
    );
    if (found === undefined) return null;
    found.isUsed = true;
    return { local: found.local, share: () => found.share(), release: () => {} };
  }

  /** Where those listen that nobody has asked for. */
  get unused(): readonly Address[] {
    return this.#sockets.filter(({ isUsed }) => !isUsed).map(({ local }) => local);
  }
}

interface InheritedSocket {
  readonly local: Address;
  readonly share: () => unknown;
  isUsed: boolean;
}

/** How many descriptors are for us; 0 when they are for another process, or there are none. Null when the environment
 * makes no sense. */
export function inheritedCount({ pid, count }: Activation, ownPid: number): number | null {
  if (pid === undefined || count === undefined || pid !== String(ownPid)) return 0;
  if (!/^[0-9]{1,4}$/.test(count)) return null;
  return Number(count) <= inheritedSocketsMax ? Number(count) : null;
}

/** Takes the sockets that are for us. Fault `malformed` when what we were handed are no listening sockets. */
export async function inheritSockets(activation: Activation, ownPid: number): Promise<InheritedSockets> {
  const count = inheritedCount(activation, ownPid);
  if (count === null) {
    throw new Fault("malformed", `Cannot take over sockets: LISTEN_FDS is not a number up to ${inheritedSocketsMax}`);
  }
  const names = activation.names?.split(":") ?? [];
  const sockets: InheritedSocket[] = [];
  for (let at = 0; at < count; at++) sockets.push(await takeDescriptor(firstDescriptor + at, names[at] ?? ""));
  return new InheritedSockets(sockets);
}

/** SD_LISTEN_FDS_START. */
const firstDescriptor = 3;

function takeDescriptor(fd: number, name: string): Promise<InheritedSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<InheritedSocket>();
  const fail = (error: unknown) => {
    const { message } = socketFault(`take over descriptor ${fd}`, error);
    reject(new Fault("malformed", `${message}: it is no listening socket`, { cause: error }));
  };
  const server = net.createServer((socket) => void socket.destroy());
  server.on("error", fail);
  try {
    server.listen({ fd }, () => {
      try {
        const bound = server.address();
        const { share } = keepDescriptor(duplicate(server));
        const local: Address = typeof bound === "object" && bound !== null
          ? addressOf(bound.address, bound.port)
          : { kind: "unix", path: name };
        resolve({ local, share, isUsed: false });
      } catch (error) {
        fail(error);
      } finally {
        // Our children would inherit the descriptor itself. Closing it ends the accept loop too.
        server.close();
      }
    });
  } catch (error) {
    fail(error);
  }
  return promise;
}
