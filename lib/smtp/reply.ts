/** An answer of an SMTP server (RFC 5321 §4.2), ours or a peer's. */
export interface Reply {
  /** 200 … 599. */
  readonly code: number;
  /** Enhanced status (RFC 3463) such as `5.1.1`; its class equals the class of `code`. Null where none is used. */
  readonly enhanced: string | null;
  /** One text per line, without code, enhanced status or line end. At least one. */
  readonly lines: readonly string[];
}
