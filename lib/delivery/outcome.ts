/** What became of one attempt at one envelope. */

/** In the words of RFC 3464 §2.3.3. `enhanced` is a status of the class that fits; `text` is one printable line. */
export type Outcome =
  /** In its mailbox, or taken by a server that promises to report. `by` says who: `mail.test [192.0.2.1]:25`. */
  | { readonly kind: "delivered"; readonly enhanced: string; readonly text: string; readonly by: string }
  /** Taken by a server that will not report (no DSN). */
  | { readonly kind: "relayed"; readonly enhanced: string; readonly text: string; readonly by: string }
  | { readonly kind: "delayed"; readonly enhanced: string; readonly text: string; readonly by: string }
  | { readonly kind: "failed"; readonly enhanced: string; readonly text: string; readonly by: string };
