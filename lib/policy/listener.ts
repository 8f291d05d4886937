/** What a policy says of listeners beyond what all have: proxies before them, and unix sockets of their own. */

/** Networks that an option names. They are known with the configuration: a table of another kind is refused there. */
export interface Networks {
  /** The table that they stand in, for the text of the line. */
  readonly table: string;
  /** As written: `192.0.2.0/24`, `2001:db8::/32`, an address. */
  readonly networks: readonly string[];
}

/** A PROXY header stands before each session of a listener. */
export interface ListenerProxy {
  /** `v2` takes headers of version 2 only, as OpenSMTPD does; `any` those of version 1 as well. */
  readonly versions: "v2" | "any";
  /** Who may connect; null for everybody. */
  readonly from: Networks | null;
}

/** What may stand behind `senders <T>`. */
export interface SendersWords {
  /** The sender replaces the author in From. */
  readonly masquerade: boolean;
  /** The authors in From and Sender fields are checked as senders are. */
  readonly headerFrom: boolean;
}

/** Which addresses an authenticated user may send as. */
export interface ListenerSenders extends SendersWords {
  /** The name of a map of users to addresses. */
  readonly table: string;
}

/** Who may use a unix socket. */
export interface SocketAccess {
  /** Permission bits. Default 0660. */
  readonly mode: number;
  /** Name of its owner; null for smtpd's own user. */
  readonly user: string | null;
  /** Name of its group; null for smtpd's own. */
  readonly group: string | null;
}

/** Permissions of a socket whose line gives none: its owner's and its group's. */
export const socketMode = 0o660;

/** Longest path of a socket, octets: sockaddr_un has 108, and it is made under a longer name first. */
export const socketPathLengthMax = 100;

/** Port of LMTP on the network where a line gives none. RFC 2033 §5 forbids 25. */
export const lmtpPort = 24;
