/** Where a message goes while it arrives: a Maildir, a file, a command. */

/** One message being written. Calls may overlap; they take effect in order. Once a call has rejected the message is
 * dropped, and `commit` rejects with the same fault. */
export interface MessageSink {
  /** Adds content: CRLF line ends, cut anywhere. `bytes` are copied before it returns. Resolves when more may come. */
  write(bytes: Uint8Array): Promise<void>;
  /** The message is where it belongs, on the disk, when it resolves. When it rejects nothing of it is left there. */
  commit(): Promise<void>;
  /** Forgets the message. Never rejects; no effect after `commit`. */
  abandon(): Promise<void>;
}
