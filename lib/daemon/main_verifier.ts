/** Where the process of a verifier begins. Only one for the system's users may read what they have. */

import { hostDisk } from "../host/disk.ts";
import { hostDigests as digests } from "../host/hash.ts";
import { hostPasswords as functions } from "../host/password.ts";
import { type RolePorts, type RunningRole, runRole } from "./role_main.ts";
import type { Init } from "./supervision.ts";
import { Verifier } from "./verifier.ts";
import { shadowFile } from "./verifier_grant.ts";

runRole(makeVerifier);

function makeVerifier(init: Init, ports: RolePorts): RunningRole {
  const isForSystem = init.grant.read.includes(shadowFile);
  const readShadow = async () => new TextDecoder().decode(await hostDisk.readFile(shadowFile));
  const verifier = new Verifier({ ...ports, functions, digests, readShadow: isForSystem ? readShadow : null });
  const nothing = () => Promise.resolve();
  return {
    peer(role, _name, _key, channel) {
      if (role === "lookup") verifier.setLookup(channel);
    },
    forward() {},
    serve() {},
    told() {},
    drain: nothing,
    stop: nothing,
  };
}
