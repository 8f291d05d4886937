/** A Postfix of our own: unpacked programs, with configuration, queue and data below a scratch folder. It runs as
 * Debian sets it up, except where the setting below would slow it down for no reason of ours. Needs root. */

import { join } from "@std/path";
import { anyAlive, processTree } from "../tests/support/processes.ts";
import { until } from "../tests/support/wait.ts";
import type { PostfixPackage } from "../tests/support/programs.ts";
import { freePort } from "../tests/e2e/daemon.ts";
import { makeCertificate } from "./secure.ts";
import type { Kind, Server } from "./server.ts";
import { measureTheirTables } from "./tables.ts";

/** Postfix wants two accounts that it shares with nobody. Ones that every Debian has serve, so that none is made. */
const accounts = { owner: ["postfix", "uucp", "news"], group: ["postdrop", "staff", "src"] };

interface Ports {
  readonly deliver: number;
  readonly hold: number;
  readonly sink: number;
}

/** Postfix as one of the servers to measure. */
export function postfix(files: PostfixPackage): Kind {
  return {
    name: "Postfix",
    start: (scratch, sink) => start(files, scratch, { deliver: freePort(), hold: freePort(), sink }),
    startSecure: async (scratch) => {
      const ports = { deliver: freePort(), hold: freePort(), sink: 0 };
      const { cert, key } = await makeCertificate(scratch);
      await makeSecret(scratch);
      const more = secureCf(cert, key);
      return await start(files, scratch, ports, more);
    },
    makemap: async (scratch, source) => {
      await configure(files, scratch, { deliver: 0, hold: 0, sink: 0 });
      return {
        program: join(files.programs, "postalias"),
        args: [`cdb:${source}`],
        env: environment(files, scratch),
      };
    },
    tables: async (scratch) => {
      await configure(files, scratch, { deliver: 0, hold: 0, sink: 0 });
      const env = environment(files, scratch);
      return await measureTheirTables(
        scratch,
        (text) => ({ program: join(files.programs, "postalias"), args: [`cdb:${text}`], env }),
        (text) => ({ program: join(files.programs, "postmap"), args: ["-q", "-", `cdb:${text}`], env }),
      );
    },
  };
}

async function start(files: PostfixPackage, scratch: string, ports: Ports, more = ""): Promise<Server> {
  await configure(files, scratch, ports);
  await Deno.writeTextFile(join(scratch, "etc/main.cf"), more, { append: true });
  const child = new Deno.Command("setsid", {
    args: [join(files.daemons, "master"), "-d", "-c", join(scratch, "etc")],
    env: environment(files, scratch),
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  return {
    port: ports.deliver,
    pid: child.pid,
    maildir: join(scratch, "mail/box"),
    hold: () => Promise.resolve(ports.hold),
    stop: async () => {
      const pids = processTree(child.pid).map((one) => one.pid);
      child.kill("SIGTERM");
      await child.status;
      await until("Postfix's processes end", () => !anyAlive(pids));
    },
  };
}

/** What Postfix's programs need to find their libraries and settings. */
function environment(files: PostfixPackage, scratch: string): Record<string, string> {
  return { LD_LIBRARY_PATH: files.libraries, MAIL_CONFIG: join(scratch, "etc") };
}

/** Writes configuration and queue folders. */
async function configure(files: PostfixPackage, scratch: string, ports: Ports): Promise<void> {
  const owner = await account("passwd", accounts.owner);
  const group = await account("group", accounts.group);
  for (const folder of ["etc", "data", "mail"]) await Deno.mkdir(join(scratch, folder), { recursive: true });
  await Deno.writeTextFile(join(scratch, "etc/main.cf"), mainCf(files, scratch, ports, owner.name, group.name));
  await Deno.writeTextFile(join(scratch, "etc/master.cf"), masterCf(ports));
  await Deno.writeTextFile(join(scratch, "etc/dynamicmaps.cf"), "cdb\tpostfix-cdb.so\tdict_cdb_open\tmkmap_cdb_open\n");
  const own = [
    "active",
    "bounce",
    "corrupt",
    "defer",
    "deferred",
    "flush",
    "hold",
    "incoming",
    "private",
    "saved",
    "trace",
  ];
  for (const folder of own) await makeFolder(join(scratch, "queue", folder), 0o700, owner.id, null);
  await makeFolder(join(scratch, "queue/maildrop"), 0o730, owner.id, group.id);
  await makeFolder(join(scratch, "queue/public"), 0o710, owner.id, group.id);
  await makeFolder(join(scratch, "queue/pid"), 0o755, 0, null);
  await Deno.chown(join(scratch, "data"), owner.id, null);
  await Deno.chown(join(scratch, "mail"), 65534, 65534);
  await Deno.chmod(scratch, 0o755);
}

async function makeFolder(path: string, mode: number, uid: number, gid: number | null): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  await Deno.chown(path, uid, gid);
  await Deno.chmod(path, mode);
}

async function account(file: "passwd" | "group", names: readonly string[]): Promise<{ name: string; id: number }> {
  const lines = (await Deno.readTextFile(`/etc/${file}`)).split("\n").map((line) => line.split(":"));
  for (const name of names) {
    const line = lines.find(([found]) => found === name);
    if (line) return { name, id: Number(line[2]) };
  }
  throw new Error(`Postfix needs one of the accounts ${names.join(", ")} in /etc/${file}`);
}

function mainCf(files: PostfixPackage, scratch: string, ports: Ports, owner: string, group: string): string {
  return `compatibility_level = 3.6
queue_directory = ${scratch}/queue
data_directory = ${scratch}/data
command_directory = ${files.programs}
daemon_directory = ${files.daemons}
shlib_directory = ${files.libraries}
meta_directory = ${scratch}/etc
sendmail_path = ${files.programs}/sendmail
mailq_path = ${files.programs}/sendmail
newaliases_path = ${files.programs}/sendmail
import_environment = MAIL_CONFIG TZ LANG=C LD_LIBRARY_PATH=${files.libraries}
mail_owner = ${owner}
setgid_group = ${group}
maillog_file = ${scratch}/postfix.log
maillog_file_prefixes = ${scratch}
myhostname = mx.bench.test
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = maildir.test
virtual_mailbox_base = ${scratch}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
relay_domains = relay.test
transport_maps = inline:{relay.test=relay:[127.0.0.1]:${ports.sink}}
# No pauses, no limits on one client, no reverse lookups: what the load itself would otherwise trip over.
in_flow_delay = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_peername_lookup = no
`;
}

/** ann's password, as Cyrus SASL keeps it: in clear text. */
async function makeSecret(scratch: string): Promise<void> {
  const database = join(scratch, "sasldb2");
  const child = new Deno.Command("saslpasswd2", {
    args: ["-p", "-c", "-f", database, "-u", "mx.bench.test", "ann"],
    stdin: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("secret"));
  await writer.close();
  if (!(await child.status).success) throw new Error("saslpasswd2 (package sasl2-bin) cannot make ann's password");
  await Deno.chmod(database, 0o644);
  await Deno.mkdir(join(scratch, "etc/sasl"), { recursive: true });
  const conf = `pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: ${database}\nmech_list: PLAIN\n`;
  await Deno.writeTextFile(join(scratch, "etc/sasl/smtpd.conf"), conf);
}

function secureCf(cert: string, key: string): string {
  return `smtpd_tls_chain_files = ${key} ${cert}
smtpd_tls_security_level = may
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = mx.bench.test
smtpd_sasl_security_options = noanonymous
smtpd_tls_auth_only = yes
`;
}

function masterCf(ports: Ports): string {
  const services = [
    `${ports.deliver} inet n - n - 600 smtpd`,
    `${ports.hold} inet n - n - 600 smtpd -o smtpd_client_restrictions=static:HOLD`,
    "pickup unix n - n 60 1 pickup",
    "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 300 1 qmgr",
    "rewrite unix - - n - - trivial-rewrite",
    "bounce unix - - n - 0 bounce",
    "defer unix - - n - 0 bounce",
    "trace unix - - n - 0 bounce",
    "verify unix - - n - 1 verify",
    "flush unix n - n 1000? 0 flush",
    "proxymap unix - - n - - proxymap",
    "tlsmgr unix - - n 1000? 1 tlsmgr",
    "smtp unix - - n - - smtp",
    "relay unix - - n - - smtp",
    "showq unix n - n - - showq",
    "error unix - - n - - error",
    "retry unix - - n - - error",
    "discard unix - - n - - discard",
    "virtual unix - n n - - virtual",
    "anvil unix - - n - 1 anvil",
    "scache unix - - n - 1 scache",
    "postlog unix-dgram n - n - 1 postlogd",
  ];
  return services.join("\n") + "\n";
}
