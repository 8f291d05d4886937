/** Where the process of an smtp-in begins. */

import { describeError } from "../fault.ts";
import type { Listener } from "../port.ts";
import type { MakeTlsServer, TlsServer } from "../port_tls.ts";
import { AfterRush } from "./after_rush.ts";
import { setupOf, type TlsMaterial, tlsOf } from "./listener_tls.ts";
import { type RolePorts, type RunningRole, runRole } from "./role_main.ts";
import { SmtpIn } from "./smtp_in.ts";
import type { Init } from "./supervision.ts";

runRole(makeSmtpIn);

async function makeSmtpIn(init: Init, ports: RolePorts): Promise<RunningRole> {
  const { listeners } = init.policy;
  const rush = new AfterRush(ports.clock, ports.trim);
  const smtpIn = new SmtpIn({ ...ports, ...init.front, limits: init.policy.smtp });
  // What no listener needs takes memory in each of these processes.
  const make = listeners.some((one) => tlsOf(one) !== null) ? (await import("../host/tls.ts")).makeTlsServer : null;
  const take = (material: TlsMaterial) => {
    if (make !== null) smtpIn.setTls(serversOf(listeners, material, make));
  };
  take(init.tls);
  return {
    forward() {},
    peer(role, _name, _key, channel) {
      if (role === "queue") smtpIn.setQueue(channel);
      if (role === "lookup") smtpIn.setLookup(channel);
    },
    serve(handed) {
      for (const [listener, socket] of handed) {
        const accept: Listener["accept"] = (take) =>
          socket.accept((stream) => {
            rush.note();
            take(stream);
          });
        smtpIn.serve({ accept, close: () => socket.close() }, listeners, listener);
      }
    },
    told(message) {
      if (message.kind !== "certificates") return;
      try {
        take(message.tls);
      } catch (error) {
        const reason = describeError(error);
        ports.log({ priority: "err", session: "", from: "smtp", what: "certificates-refused", fields: { reason } });
      }
    },
    drain: (graceMs) => smtpIn.drain(graceMs),
    stop: (graceMs) => smtpIn.stop(graceMs),
  };
}

function serversOf(
  listeners: Init["policy"]["listeners"],
  material: TlsMaterial,
  make: MakeTlsServer,
): ReadonlyMap<number, TlsServer> {
  // Most listeners have the same certificates.
  const made = new Map<string, TlsServer>();
  return new Map(listeners.flatMap((listener, index) => {
    const setup = setupOf(listener, material);
    if (setup === null) return [];
    const { versions } = setup;
    const key = JSON.stringify([listener.kind === "inet" ? [listener.tls.pki, listener.tls.ca] : [], versions]);
    const server = made.get(key) ?? make(setup);
    made.set(key, server);
    return [[index, server] as const];
  }));
}
