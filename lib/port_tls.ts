/** TLS on connections that are there already, as their server: what host/tls.ts does for real, and tests for a fake
 * world. */

import type { Stream } from "./port.ts";

/** Versions of TLS that can be had. RFC 8997 has done away with those before. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** What is known of a connection's TLS. */
export interface TlsInfo {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly version: string;
  /** The library's name of the cipher suite. */
  readonly cipher: string;
  /** Strength of the cipher. */
  readonly bits: number;
  /** Whether the client showed a certificate, and an authority of ours has signed it. */
  readonly client: "none" | "unchecked" | "verified";
  /** Why the library does not accept the client's certificate, as its code: `CERT_HAS_EXPIRED`. Absent for one that it
   * accepts, or where it does not say: so with a session taken up again. */
  readonly problem?: string;
  /** SHA-256 of the client's certificate, hexadecimal, lower case; null without one. */
  readonly fingerprint: string | null;
  /** The host that the client named (SNI), null for none. */
  readonly serverName: string | null;
}

/** A certificate of ours with its key. */
export interface TlsCertificate {
  /** PEM: our own, then those that lead from it to the authority. */
  readonly chain: string;
  /** PEM, not encrypted. It is written to no log. */
  readonly key: string;
}

/** What TLS of a listener is made of. Plain data. */
export interface TlsSetup {
  /** At least one. The first serves clients that name no host, or one that is in no certificate. For a host that is in
   * several the first one with an ECDSA or EdDSA key serves, else the first. */
  readonly certificates: readonly TlsCertificate[];
  /** At least one. */
  readonly versions: readonly TlsVersion[];
  /** PEM: authorities for certificates of clients, which are asked for them. Null: no client is asked. */
  readonly authorities: string | null;
}

/** What became of a handshake. */
export type TlsOutcome =
  /** `stream` takes the place of the one that was given. It has delivered nothing yet. */
  | { readonly kind: "secure"; readonly stream: Stream; readonly tls: TlsInfo }
  /** The connection is gone. `reason` is for the log; parts of it may be the peer's words. */
  | { readonly kind: "failed"; readonly reason: string };

/** A handshake under way. */
export interface TlsHandshake {
  /** Drops the connection. `done` is not called any more. */
  destroy(): void;
}

/** The server's side of TLS, for one listener. */
export interface TlsServer {
  /** Begins the handshake. The stream belongs to TLS from here on: its handler hears no more of it, not even its end.
   * What has been written to it goes out first. `head` are octets that it has delivered and that belong to TLS, as
   * those behind a PROXY header do; all others that it has delivered are no part of TLS. `done` is called once, after
   * `begin` has returned. There is no deadline: `destroy` is for the caller. */
  begin(stream: Stream, done: (outcome: TlsOutcome) => void, head?: Uint8Array): TlsHandshake;
}

/** Makes the server's side of TLS. Throws a Fault `malformed` when the library cannot use a certificate or a key. */
export type MakeTlsServer = (setup: TlsSetup) => TlsServer;
