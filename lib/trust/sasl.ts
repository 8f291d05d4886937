/** The server's side of a SASL exchange (RFC 4422), sans-IO: PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256 (RFC 5802, RFC
 * 7677), EXTERNAL (RFC 4422 appendix A). It asks for passwords to be checked, verifiers to be found and holders of
 * certificates to be named, and never sees what a table stores of a password but a SCRAM verifier. */

import { assert } from "../fault.ts";
import type { Digests } from "../port.ts";
import { decodeUtf8, preparePassword, prepareUser } from "./credentials.ts";
import { ScramExchange } from "./scram.ts";
import type { ScramVerifier } from "./stored_password.ts";

/** Mechanisms that are known, as they are offered. SCRAM-SHA-256-PLUS is not among them: the TLS library gives no channel
 * binding that all clients could use. */
export const saslMechanisms = ["PLAIN", "LOGIN", "SCRAM-SHA-256", "EXTERNAL"] as const;

/** One of them. */
export type SaslMechanism = typeof saslMechanisms[number];

/** Reads a mechanism's name, whatever its case is. Null for one that is not known. */
export function parseMechanism(name: string): SaslMechanism | null {
  const wanted = name.toUpperCase();
  return saslMechanisms.find((one) => one === wanted) ?? null;
}

/** What happens in an exchange. */
export type SaslEvent =
  /** The client's words, decoded, one character for each octet; null when it has said nothing yet. */
  | { readonly kind: "response"; readonly text: string | null }
  /** To `check`. */
  | { readonly kind: "checked"; readonly result: "right" | "wrong" | "failed" }
  /** To `fetch`. Null when nobody can say now. A user that does not exist has a verifier, too, which fits no password. */
  | { readonly kind: "fetched"; readonly verifier: ScramVerifier | null }
  /** To `identify`. Null when the certificate is nobody's; `failed` when nobody can say now. */
  | { readonly kind: "identified"; readonly username: string | null }
  | { readonly kind: "failed" };

/** What is to be done: one thing after each event. */
export type SaslEffect =
  /** Say this, one character for each octet; the client answers. */
  | { readonly kind: "challenge"; readonly text: string }
  /** Is this the user's password? */
  | { readonly kind: "check"; readonly username: string; readonly password: string }
  /** What is stored of this user? */
  | { readonly kind: "fetch"; readonly username: string }
  /** Whose is the certificate that the client has shown? `username` is who it says it is; empty when it leaves that to us. */
  | { readonly kind: "identify"; readonly username: string }
  /** The end. `username` is who tried, as far as that is known; empty otherwise. */
  | { readonly kind: "accepted"; readonly username: string; readonly data: string | null }
  | { readonly kind: "refused" | "malformed" | "failed"; readonly username: string };

/** What an exchange is made with. */
export interface SaslPorts {
  /** For SCRAM. */
  readonly digests: Digests;
  /** Printable ASCII without commas, not to be guessed: the server's part of SCRAM's nonce. */
  readonly nonce: string;
}

/** One exchange. After the effect that ends it, it takes no more events. */
export interface SaslServer {
  /** Total; never throws for what a client says. */
  step(event: SaslEvent): SaslEffect;
}

/** Begins an exchange. The first event is a response. */
export function beginSasl(mechanism: SaslMechanism, { digests, nonce }: SaslPorts): SaslServer {
  switch (mechanism) {
    case "PLAIN":
      return new PlainExchange();
    case "LOGIN":
      return new LoginExchange();
    case "SCRAM-SHA-256":
      return new ScramExchange(digests, nonce);
    case "EXTERNAL":
      return new ExternalExchange();
  }
}

/** A name and a password are known: they are checked. */
class PasswordCheck {
  #username = "";

  begin(userOctets: string, passwordOctets: string): SaslEffect {
    const [user, password] = [decodeUtf8(userOctets), decodeUtf8(passwordOctets)];
    if (user === null || password === null) return { kind: "malformed", username: "" };
    const username = prepareUser(user);
    const prepared = preparePassword(password);
    if (username === null || prepared === null) return { kind: "malformed", username: username ?? "" };
    this.#username = username;
    return { kind: "check", username, password: prepared };
  }

  end(event: SaslEvent): SaslEffect {
    assert(event.kind === "checked", `the password's check is due, not ${event.kind}`);
    const username = this.#username;
    switch (event.result) {
      case "right":
        return { kind: "accepted", username, data: null };
      case "wrong":
        return { kind: "refused", username };
      case "failed":
        return { kind: "failed", username };
    }
  }
}

/** `[authzid] NUL authcid NUL passwd`. */
class PlainExchange implements SaslServer {
  readonly #check = new PasswordCheck();

  step(event: SaslEvent): SaslEffect {
    if (event.kind !== "response") return this.#check.end(event);
    if (event.text === null) return { kind: "challenge", text: "" };
    const parts = event.text.split("\0");
    const [authzid = "", user = "", password = ""] = parts;
    if (parts.length !== 3) return { kind: "malformed", username: "" };
    const begun = this.#check.begin(user, password);
    // To act for somebody else is nobody's right here.
    const isOther = authzid !== "" && authzid !== user;
    return isOther && begun.kind === "check" ? { kind: "refused", username: begun.username } : begun;
  }
}

/** The words that clients know the two questions of LOGIN by. */
const loginPrompts = { user: "Username:", password: "Password:" } as const;

/** Not standardised, and what some clients have (draft-murchison-sasl-login). */
class LoginExchange implements SaslServer {
  readonly #check = new PasswordCheck();
  #user: string | null = null;

  step(event: SaslEvent): SaslEffect {
    if (event.kind !== "response") return this.#check.end(event);
    if (event.text === null) return { kind: "challenge", text: loginPrompts.user };
    if (this.#user !== null) return this.#check.begin(this.#user, event.text);
    this.#user = event.text;
    return { kind: "challenge", text: loginPrompts.password };
  }
}

/** `[authzid]`: TLS has said who the client is. RFC 4422 appendix A.1. */
class ExternalExchange implements SaslServer {
  #wanted = "";

  step(event: SaslEvent): SaslEffect {
    if (event.kind === "response") return this.#begin(event.text);
    const wanted = this.#wanted;
    if (event.kind === "failed") return { kind: "failed", username: wanted };
    assert(event.kind === "identified", `whose the certificate is is due, not ${event.kind}`);
    const { username } = event;
    // To act for somebody else is nobody's right here.
    if (username === null || (wanted !== "" && wanted !== username)) return { kind: "refused", username: wanted };
    return { kind: "accepted", username, data: null };
  }

  #begin(text: string | null): SaslEffect {
    if (text === null) return { kind: "challenge", text: "" };
    if (text === "") return { kind: "identify", username: "" };
    const wanted = decodeUtf8(text);
    const username = wanted === null ? null : prepareUser(wanted);
    if (username === null) return { kind: "malformed", username: "" };
    this.#wanted = username;
    return { kind: "identify", username };
  }
}
