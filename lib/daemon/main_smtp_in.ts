/** Where the process of an smtp-in begins. */

import { type RolePorts, type RunningRole, runRole } from "./role_main.ts";
import { SmtpIn } from "./smtp_in.ts";
import type { Init } from "./supervision.ts";

runRole(makeSmtpIn);

function makeSmtpIn(init: Init, ports: RolePorts): RunningRole {
  const smtpIn = new SmtpIn({ ...ports, ...init.front, limits: init.policy.smtp });
  return {
    forward() {},
    peer(role, _name, _key, channel) {
      if (role === "queue") smtpIn.setQueue(channel);
      if (role === "lookup") smtpIn.setLookup(channel);
    },
    serve(handed) {
      for (const [listener, socket] of handed) {
        const spec = init.policy.listeners[listener];
        if (spec !== undefined) smtpIn.serve(socket, spec, listener);
      }
    },
    told() {},
    drain: (graceMs) => smtpIn.drain(graceMs),
    stop: (graceMs) => smtpIn.stop(graceMs),
  };
}
