/** Where the process of lookup begins. */

import { hostClock } from "../host/clock.ts";
import { hostDatabases } from "../host/databases.ts";
import { hostDisk } from "../host/disk.ts";
import { hostDigests as digests, hostSha1 } from "../host/hash.ts";
import { loadResolver } from "../host/resolver.ts";
import { openSqlReader } from "../host/sqlite.ts";
import type { ForwardUser } from "../policy/forward.ts";
import { rewritingOf } from "../policy/rewrite.ts";
import { Authentication } from "./authentication.ts";
import { answersUnreadMax, checkedChannel } from "./checked_channel.ts";
import { FilterDesk } from "./filter_desk.ts";
import { ForwardClient } from "./forward_client.ts";
import {
  parseDeliveryToLookup,
  parseSmtpInToLookup,
  parseTableHostToLookup,
  parseVerifierToLookup,
} from "./imsg_parse.ts";
import { listenerNames } from "./listener_names.ts";
import { Lookup } from "./lookup.ts";
import { PasswordChecks } from "./password_checks.ts";
import { ReverseNames } from "./reverse.ts";
import { type RolePorts, type RunningRole, runRole, tellsOf, tellSupervisor } from "./role_main.ts";
import { checkSender } from "./sender_check.ts";
import { SessionDesk } from "./session_desk.ts";
import type { Init, NamedAccount } from "./supervision.ts";
import { TableLinks } from "./table_links.ts";
import { openTables } from "./tables.ts";

runRole(makeLookup);

async function makeLookup(init: Init, ports: RolePorts): Promise<RunningRole> {
  const names = new ReverseNames(() => loadResolver(init.resolver), hostClock);
  const links = new TableLinks(hostClock);
  const opened = await openTables(init.policy, hostDisk, hostClock, ports.log, {
    openSql: openSqlReader,
    connectProc: (table) => links.link(table),
    servers: { drivers: hostDatabases, clock: hostClock },
  });
  const forwards = new ForwardClient(
    hostClock,
    (request, user) => tellSupervisor({ kind: "needForward", request, ...user }),
  );
  const tables = {
    ...opened,
    reverseName: (address: string) => names.nameOf(address),
    peerName: (address: string) => names.peerName(address),
    rewriting: rewritingOf(init.policy, hostClock, hostSha1),
    readForward: (user: ForwardUser) => forwards.read(user),
  };
  const { policy, log } = ports;
  const filters = new FilterDesk({ policy, tables, log, traced: () => lookup.traced });
  const checks = new PasswordChecks(hostClock, policy.smtp.maxAuthQueue);
  const logins = new Authentication({ ...ports, digests, tables, checks });
  const sessions = new SessionDesk(
    {
      authenticate: (asked) => logins.authenticate(asked),
      sender: (asked) => checkSender(asked, policy, tables),
      filter: (asked) => filters.answer(asked),
      name: ({ address }) => names.nameOf(address),
      hostname: listenerNames(policy, tables),
    },
    policy.listeners,
    log,
  );
  const lookup: Lookup = new Lookup({ ...ports, tables, sessions, allow: mayDeliver });
  return {
    forward: (request, file) => forwards.answered(request, file),
    peer(role, name, key, channel) {
      if (role === "queue") lookup.setQueue(channel);
      const broken = tellsOf(ports.log, "lookup", name);
      if (role === "delivery") lookup.addDelivery(checkedChannel(channel, parseDeliveryToLookup, broken));
      if (role === "smtp-in") {
        lookup.addSmtpIn(name, checkedChannel(channel, parseSmtpInToLookup, broken, answersUnreadMax));
      }
      if (role === "verifier") {
        checks.attach(key === "system" ? key : "tables", checkedChannel(channel, parseVerifierToLookup, broken));
      }
      if (role === "table-host") links.attach(key, checkedChannel(channel, parseTableHostToLookup, broken));
    },
    serve() {},
    told(message) {
      if (message.kind === "authLevels") logins.inherit(message.levels);
    },
    drain(graceMs) {
      tellSupervisor({ kind: "authLevels", levels: logins.levels() });
      return lookup.drain(graceMs);
    },
    stop: () => Promise.resolve(),
  };
}

function mayDeliver(named: NamedAccount): void {
  tellSupervisor({ kind: "mayDeliver", ...named });
}
