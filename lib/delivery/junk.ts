/** Does a message's header mark it as spam? As mail.maildir of OpenSMTPD looks at it. */

/** Longer lines are not what is looked for, characters. */
const lineMax = 64;

/** Looks at text with LF line ends, cut anywhere, up to the first empty line. */
export class JunkScanner {
  #line = "";
  #isDone = false;
  #isJunk = false;

  /** A line said `X-Spam: Yes` or `X-Spam-Flag: Yes`, in any case of letters. */
  get isJunk(): boolean {
    return this.#isJunk;
  }

  /** Takes the next piece. */
  push(text: string): void {
    for (let at = 0; at < text.length && !this.#isDone;) {
      const lf = text.indexOf("\n", at);
      const end = lf < 0 ? text.length : lf;
      // One more than may be: a line that was cut is not one of the two.
      this.#line = (this.#line + text.slice(at, Math.min(end, at + lineMax + 1))).slice(0, lineMax + 1);
      if (lf < 0) return;
      this.#isDone = this.#line === "";
      if (this.#line.length <= lineMax && /^x-spam(-flag)?:[ \t]*yes[ \t]*$/i.test(this.#line)) {
        this.#isJunk = this.#isDone = true;
      }
      this.#line = "";
      at = lf + 1;
    }
  }
}
