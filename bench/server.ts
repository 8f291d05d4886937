/** What the scenarios need of a mail server. */

import type { Run } from "./measure.ts";
import type { Figure } from "./scenarios.ts";

/** A running server that takes mail on loopback for `maildir.test` and `relay.test`. */
export interface Server {
  /** Mail is taken and delivered here. */
  readonly port: number;
  /** Its first process. */
  readonly pid: number;
  /** Where mail for `maildir.test` goes. */
  readonly maildir: string;
  /** Sees to it that mail is taken and kept; returns the port to send it to. */
  hold(): Promise<number>;
  /** Ends it and all its processes. */
  stop(): Promise<void>;
}

/** A server that can be started. */
export interface Kind {
  readonly name: string;
  /** `scratch` is an empty folder for its use, `sinkPort` where it relays mail for `relay.test` to.
   * Resolves as soon as the server's first process runs. */
  start(scratch: string, sinkPort: number): Promise<Server>;
  /** The same, for submission: STARTTLS with an ECDSA certificate, and ann, whose password is `secret`. */
  startSecure(scratch: string): Promise<Server>;
  /** The program that builds a CDB of the aliases in the file `source`. */
  makemap(scratch: string, source: string): Promise<Run>;
  /** What long tables cost, by the name of the row. */
  tables(scratch: string): Promise<Readonly<Record<string, Figure>>>;
}
