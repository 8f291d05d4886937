/** TLS over sockets that are there, over node:tls. The library is rustls: TLS 1.2 and 1.3, forward secrecy and
 * authenticated encryption always, and no say in the choice of cipher suites. */

import { X509Certificate } from "node:crypto";
import type net from "node:net";
import tls from "node:tls";
import { assert, Fault } from "../fault.ts";
import type { Address } from "../port.ts";
import type { TlsHandshake, TlsInfo, TlsOutcome, TlsServer, TlsSetup } from "../port_tls.ts";
import { inspectCertificates, inspectKey, isForHost } from "./certificate.ts";
import { SocketStream } from "./socket.ts";
import { HandleStream } from "./socket_handle.ts";
import { type HandshakeFacts, nowhere, type TlsContext, TlsHandle } from "./tls_handle.ts";

/** Most certificates of clients that are remembered as verified, for each list of authorities. */
const verifiedMax = 1000;

/** Makes the server's side of TLS. Throws a Fault `malformed` when the library cannot use a certificate or a key. */
export function makeTlsServer(setup: TlsSetup): TlsServer {
  const { authorities } = setup;
  if (setup.certificates.length === 0) throw new Fault("malformed", "Cannot offer TLS: there is no certificate");
  checkUse(setup);
  const own = ownContexts(setup);
  const verified = authorities === null ? null : verifiedBy(authorities);
  const straight = straightOf(own, verified);
  const options = optionsOf(setup, own);
  return {
    begin(stream, done, head = noOctets) {
      // Handles of unix sockets are taken up otherwise, and nobody listens there with TLS.
      if (straight !== null && stream instanceof HandleStream && stream.remote.kind === "inet") {
        return beginStraight(straight, stream, head, done);
      }
      const socket = stream instanceof HandleStream || stream instanceof SocketStream ? stream.release() : null;
      // Only these are sockets; another kind is a mistake of ours, and fails as they do when they are closed.
      if (socket === null) {
        queueMicrotask(() => done({ kind: "failed", reason: "the connection is gone" }));
        return { destroy: () => {} };
      }
      if (head.length > 0) socket.unshift(head);
      return beginOverSocket(options, verified, socket, stream.remote, done);
    },
  };
}

const noOctets = new Uint8Array(0);

/** What handshakes straight on handles are given. */
interface Straight {
  readonly context: TlsContext;
  /** Null where there is one certificate only. */
  readonly choose: ((host: string) => TlsContext) | null;
  readonly verified: VerifiedClients | null;
}

/** Null where it cannot be had. */
function straightOf(own: OwnContexts, verified: VerifiedClients | null): Straight | null {
  // What a context holds is not in the types.
  const isKnown = ({ context }: OwnContexts[number]) => isObject(context.context) && "cert" in context.context;
  if (!TlsHandle.isPossible || !own.every(isKnown)) return null;
  const asked = { ...judgedHere, requestCert: verified !== null };
  const contextFor = (host: string) => ({ ...bestFor(host, own).context.context, ...asked });
  return { context: contextFor(""), choose: own.length === 1 ? null : contextFor, verified };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function beginStraight(
  { context, choose, verified }: Straight,
  stream: HandleStream,
  head: Uint8Array,
  done: (outcome: TlsOutcome) => void,
): TlsHandshake {
  const { remote } = stream;
  let isOver = false;
  const tell = (outcome: TlsOutcome) => {
    if (isOver) return;
    isOver = true;
    done(outcome);
  };
  // It may fail before this function has returned.
  const fail = (reason: string) => queueMicrotask(() => tell({ kind: "failed", reason }));
  const released = stream.releaseHandle();
  if (released === null) {
    fail("the connection is gone");
    return { destroy: () => isOver = true };
  }
  const refuse = (reason: string, handle: TlsHandle) => {
    // What TLS says of the reason has gone out.
    handle.close(() => {});
    fail(reason);
  };
  // Of a stream with early octets nobody has read.
  const handle = TlsHandle.begin(released.handle, context, choose, released.early ?? head, {
    secure(handle, facts) {
      const tls = infoOf(facts, verified);
      if (tls === null) return refuse(unreadable, handle);
      tell({ kind: "secure", stream: new HandleStream(handle, null, remote), tls });
    },
    failed: refuse,
  });
  return {
    destroy() {
      if (isOver) return;
      isOver = true;
      handle.close(() => {});
    },
  };
}

/** Why a handshake comes to nothing that the library lets through. */
const unreadable = "the client's certificate cannot be read";

/** Why TLS cannot be had with this certificate and key, as a clause; null when it can. The certificate is one, and the
 * key fits: this finds what the library does not know, such as a curve. */
export function tlsProblem(chain: string, key: string): string | null {
  try {
    checkUse({ certificates: [{ chain, key }], versions: ["TLSv1.2", "TLSv1.3"], authorities: null });
    return null;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return error.message;
  }
}

/** Looks into PEM, with what the library makes of it. */
export const pemInspector = {
  certificates: inspectCertificates,
  key: inspectKey,
  problem: tlsProblem,
} as const;

/** What a certificate is worth is judged here. The library would only drop the connection, without a reason. */
const judgedHere = { rejectUnauthorized: false };

/** What node:tls is told for all connections. */
function optionsOf(setup: TlsSetup, own: OwnContexts): tls.TlsOptions {
  const [first] = setup.certificates;
  assert(first !== undefined, "a server has a certificate");
  const usual = { ...judgedHere, requestCert: setup.authorities !== null, ...contextOf(first, setup) };
  if (own.length === 1) return usual;
  return { ...usual, SNICallback: (host, choose) => choose(null, bestFor(host, own).context) };
}

/** Our certificates, at least one, and what the library makes of them. */
type OwnContexts = readonly {
  readonly file: ReturnType<typeof inspectCertificates>;
  readonly context: tls.SecureContext;
}[];

function ownContexts(setup: TlsSetup): OwnContexts {
  return setup.certificates.map((one) => ({
    file: inspectCertificates(one.chain),
    context: tls.createSecureContext(contextOf(one, setup)),
  }));
}

/** The one for a host that a client names, empty for none. */
function bestFor(host: string, own: OwnContexts): OwnContexts[number] {
  const fit = own.filter(({ file }) => file !== null && isForHost(file.names, host));
  // ECDSA costs this side a tenth of what RSA does, and every client of TLS 1.3 knows it (RFC 8446 §9.1).
  const best = fit.find(({ file }) => file?.isElliptic) ?? fit[0] ?? own[0];
  assert(best !== undefined, "a server has a certificate");
  return best;
}

function contextOf({ chain, key }: TlsSetup["certificates"][number], setup: TlsSetup): tls.SecureContextOptions {
  const { versions, authorities } = setup;
  return {
    cert: chain,
    key,
    minVersion: versions.includes("TLSv1.2") ? "TLSv1.2" : "TLSv1.3",
    maxVersion: versions.includes("TLSv1.3") ? "TLSv1.3" : "TLSv1.2",
    ...(authorities === null ? {} : { ca: authorities }),
  };
}

/** Certificate and key are understood when a connection begins: tries each with one that goes nowhere. */
function checkUse(setup: TlsSetup): void {
  for (const certificate of setup.certificates) {
    let problem: string | null = null;
    try {
      const server = new tls.Server(contextOf(certificate, setup));
      server.on("tlsClientError", (error) => problem ??= error.message);
      const stream = nowhere();
      server.emit("connection", stream);
      stream.destroy();
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    if (problem !== null) throw new Fault("malformed", `the TLS library cannot use it (${problem})`);
  }
}

/** A handshake over node:tls, where there is no way straight on handles. A server for each: what it tells of several is
 * not told apart. To make one takes as long as the handshake. */
function beginOverSocket(
  options: tls.TlsOptions,
  verified: VerifiedClients | null,
  socket: net.Socket,
  remote: Address,
  done: (outcome: TlsOutcome) => void,
): TlsHandshake {
  let isOver = false;
  // It may fail before this function has returned.
  const tell = (outcome: TlsOutcome) =>
    queueMicrotask(() => {
      if (isOver) return;
      isOver = true;
      // What TLS says of the reason has gone out.
      if (outcome.kind === "failed") socket.destroy();
      done(outcome);
    });
  const server = new tls.Server(options);
  // A deadline of its own would keep what has failed for two minutes.
  Reflect.set(server, "_handshakeTimeout", 0);
  server.on("secureConnection", (secure) => {
    const tls = infoOf(factsOf(secure), verified);
    if (tls === null) tell({ kind: "failed", reason: unreadable });
    else tell({ kind: "secure", stream: new TlsStream(secure, remote), tls });
  });
  server.on("tlsClientError", (error) => tell({ kind: "failed", reason: reasonOf(error) }));
  // Until TLS listens to it, and once it has failed.
  socket.on("error", () => {});
  // A peer that ends its side amid a handshake has given it up.
  socket.allowHalfOpen = false;
  server.emit("connection", socket);
  return {
    destroy() {
      if (isOver) return;
      isOver = true;
      socket.destroy();
    },
  };
}

/** A socket with TLS as a `Stream`. */
class TlsStream extends SocketStream {
  readonly #tls: tls.TLSSocket;

  constructor(socket: tls.TLSSocket, remote: Address | null) {
    super(socket, remote);
    socket.allowHalfOpen = true;
    this.#tls = socket;
  }

  /** Sends what is queued and the end of TLS, so that the peer knows that it has all, then closes. */
  override finish(): void {
    const socket = this.#tls;
    if (socket.writableFinished) socket.destroy();
    else socket.once("finish", () => socket.destroy());
    if (!socket.writableEnded) socket.end();
  }
}

/** What the library says of a failed handshake, for people. */
function reasonOf(error: Error): string {
  const code = "code" in error ? String(error.code) : "";
  return code === "ECONNRESET" ? "the peer closed the connection" : error.message;
}

function factsOf(socket: tls.TLSSocket): HandshakeFacts {
  // The types call it an Error, and it is a code. Without a host's name, that is false.
  const [problem, host]: unknown[] = [socket.authorizationError, Reflect.get(socket, "servername")];
  const { raw }: { readonly raw?: Uint8Array } = socket.getPeerCertificate();
  return {
    version: socket.getProtocol() ?? "",
    cipher: socket.getCipher().name,
    serverName: typeof host === "string" ? host : "",
    certificate: raw ?? null,
    problem: socket.authorized ? "" : typeof problem === "string" && problem !== "" ? problem : "UNKNOWN",
    isResumed: socket.isSessionReused(),
  };
}

/** Null when the client's certificate cannot be read. */
function infoOf(facts: HandshakeFacts, verified: VerifiedClients | null): TlsInfo | null {
  const { version, cipher, serverName, problem } = facts;
  // One that was not asked for counts as none.
  const certificate = verified === null ? undefined : certificateOf(facts);
  if (certificate === null) return null;
  const fingerprint = certificate?.fingerprint256.replaceAll(":", "").toLowerCase() ?? null;
  const isVerified = certificate !== undefined && verified?.judge(facts, certificate) === true;
  const hasProblem = certificate !== undefined && !isVerified && /^[A-Z0-9_]{1,64}$/.test(problem);
  return {
    version,
    cipher,
    bits: /128/.test(cipher) ? 128 : 256,
    client: certificate === undefined ? "none" : isVerified ? "verified" : "unchecked",
    ...(hasProblem ? { problem } : {}),
    fingerprint,
    serverName: serverName === "" ? null : serverName,
  };
}

/** Undefined when the client showed none, null when it cannot be read. */
function certificateOf({ certificate }: HandshakeFacts): X509Certificate | undefined | null {
  if (certificate === null) return undefined;
  try {
    return new X509Certificate(certificate);
  } catch {
    return null;
  }
}

/** Certificates of clients that have passed. The library checks a certificate in a full handshake only, and takes a
 * session up again for a client whose certificate did not pass, too: it then calls it authorized. */
class VerifiedClients {
  readonly #fingerprints = new Set<string>();

  judge({ isResumed, problem }: HandshakeFacts, certificate: X509Certificate): boolean {
    const { fingerprint256 } = certificate;
    if (isResumed) {
      return this.#fingerprints.has(fingerprint256) && Date.parse(certificate.validTo) > Date.now();
    }
    this.#fingerprints.delete(fingerprint256);
    if (problem !== "") return false;
    this.#fingerprints.add(fingerprint256);
    const [oldest] = this.#fingerprints;
    if (this.#fingerprints.size > verifiedMax && oldest !== undefined) this.#fingerprints.delete(oldest);
    return true;
  }
}

/** A session may be taken up again with a server that was made later, after a certificate of ours has changed. */
const verifiedClients = new Map<string, VerifiedClients>();

function verifiedBy(authorities: string): VerifiedClients {
  const known = verifiedClients.get(authorities) ?? new VerifiedClients();
  verifiedClients.set(authorities, known);
  return known;
}
