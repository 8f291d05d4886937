/** SCRAM-SHA-256 on the server's side, without channel binding (RFC 5802, RFC 7677). */

import { Buffer } from "node:buffer";
import { assert } from "../fault.ts";
import type { Digests } from "../port.ts";
import { decodeUtf8, equalOctets, prepareUser } from "./credentials.ts";
import type { SaslEffect, SaslEvent, SaslServer } from "./sasl.ts";
import type { ScramVerifier } from "./stored_password.ts";

/** Longest nonce of a client, characters: the challenge that holds it has to fit a line of a reply. */
export const scramNonceMax = 128;

/** What the client's first message says. */
interface ClientFirst {
  /** Who logs in. */
  readonly username: string;
  /** Printable ASCII without commas. */
  readonly nonce: string;
  /** `n,,` and so on: the client repeats it. */
  readonly header: string;
  /** All behind the header; it is signed. */
  readonly bare: string;
}

/** One exchange. */
export class ScramExchange implements SaslServer {
  readonly #digests: Digests;
  readonly #ownNonce: string;
  #first: ClientFirst | null = null;
  #verifier: ScramVerifier | null = null;
  #serverFirst = "";

  /** `nonce` is the server's part of the nonce. */
  constructor(digests: Digests, nonce: string) {
    this.#digests = digests;
    this.#ownNonce = nonce;
  }

  step(event: SaslEvent): SaslEffect {
    if (event.kind === "fetched") return this.#challenge(event.verifier);
    assert(event.kind === "response", "SCRAM has no password checked");
    // RFC 4422 §3: the client speaks first; the server's first challenge is empty.
    if (event.text === null) return { kind: "challenge", text: "" };
    const text = decodeUtf8(event.text);
    if (text === null) return this.#end("malformed");
    return this.#first === null ? this.#begin(text) : this.#prove(text);
  }

  #end(kind: "refused" | "malformed" | "failed"): SaslEffect {
    return { kind, username: this.#first?.username ?? "" };
  }

  #begin(text: string): SaslEffect {
    const first = parseClientFirst(text);
    if (first === "refused" || first === "malformed") return { kind: first, username: "" };
    this.#first = first;
    return { kind: "fetch", username: first.username };
  }

  #challenge(verifier: ScramVerifier | null): SaslEffect {
    assert(this.#first !== null, "a verifier is of somebody");
    if (verifier === null) return this.#end("failed");
    this.#verifier = verifier;
    const salt = Buffer.from(verifier.salt).toString("base64");
    this.#serverFirst = `r=${this.#first.nonce}${this.#ownNonce},s=${salt},i=${verifier.iterations}`;
    return { kind: "challenge", text: this.#serverFirst };
  }

  /** RFC 5802 §3: the client's proof gives its key, whose digest is stored. */
  #prove(text: string): SaslEffect {
    assert(this.#first !== null && this.#verifier !== null, "a proof follows a challenge");
    const { header, nonce, bare, username } = this.#first;
    const match = /^(c=([A-Za-z0-9+/=]*),r=([^,]+)(?:,[A-Za-z]=[^,]*)*),p=([A-Za-z0-9+/]{43}=)$/.exec(text);
    if (match === null) return this.#end("malformed");
    const [, unproved = "", binding = "", wholeNonce = "", proofText = ""] = match;
    if (Buffer.from(binding, "base64").toString() !== header) return this.#end("refused");
    if (wholeNonce !== nonce + this.#ownNonce) return this.#end("refused");
    const { hmacSha256, sha256 } = this.#digests;
    const { storedKey, serverKey } = this.#verifier;
    const signed = Buffer.from(`${bare},${this.#serverFirst},${unproved}`);
    const signature = hmacSha256(storedKey, signed);
    const proof = Buffer.from(proofText, "base64");
    const clientKey = proof.map((octet, i) => octet ^ signature[i]!);
    if (!equalOctets(sha256(clientKey), storedKey)) return this.#end("refused");
    const verdict = Buffer.from(hmacSha256(serverKey, signed)).toString("base64");
    return { kind: "accepted", username, data: `v=${verdict}` };
  }
}

/** RFC 5802 §7. `refused` is what is right in form and not allowed. */
function parseClientFirst(text: string): ClientFirst | "refused" | "malformed" {
  const match = /^(([ny]|p=[A-Za-z0-9.-]+),(?:a=([^,]+))?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]*)*)$/
    .exec(text);
  if (match === null) return "malformed";
  const [, header = "", flag = "", authzid, bare = "", name = "", nonce = ""] = match;
  // `y`: the client could bind the channel and thinks that we cannot, which is so. `p` is for the PLUS mechanism only.
  if (flag.startsWith("p")) return "malformed";
  if (nonce.length > scramNonceMax) return "malformed";
  const username = unescapeName(name);
  if (username === null) return "malformed";
  if (authzid !== undefined && unescapeName(authzid) !== username) return "refused";
  return { username, nonce, header, bare };
}

/** `=2C` is a comma and `=3D` an equals sign; no other stands for anything. */
function unescapeName(text: string): string | null {
  if (/=(?!2C|3D)/.test(text)) return null;
  return prepareUser(text.replaceAll("=2C", ",").replaceAll("=3D", "="));
}
