/** lookup's side of reading ~/.forward files: it asks the supervisor, and remembers the answer for a moment. */

import type { Clock, Timer } from "../port.ts";
import type { ForwardFile, ForwardUser } from "../policy/forward.ts";

/** How long an answer is good for, ms: a burst of mail for one user asks once, and a change is seen soon. */
export const forwardCacheMs = 5_000;

/** Answers remembered. */
export const forwardCacheMax = 10_000;

/** Questions under way; more are told to come again. */
export const forwardAskedMax = 1_000;

/** How long an answer may take, ms. */
export const forwardWaitMs = 60_000;

/** Asks on behalf of lookup. */
export class ForwardClient {
  readonly #clock: Clock;
  readonly #ask: (request: number, user: ForwardUser) => void;
  readonly #known = new Map<string, { readonly file: Promise<ForwardFile>; until: number }>();
  readonly #asked = new Map<number, { readonly answer: (file: ForwardFile) => void; readonly timer: Timer }>();
  #requests = 0;

  /** `ask` sends a question to the supervisor. */
  constructor(clock: Clock, ask: (request: number, user: ForwardUser) => void) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** What the user's ~/.forward came to. Never rejects. */
  read(user: ForwardUser): Promise<ForwardFile> {
    const key = `${user.uid}:${user.gid}:${user.home}`;
    const known = this.#known.get(key);
    if (known !== undefined && known.until > this.#clock.monotonic()) return known.file;
    this.#known.delete(key);
    if (this.#asked.size >= forwardAskedMax) return Promise.resolve(refused("busy", user));
    const file = this.#question(user);
    // While it is asked it is good, and from the answer on for a while.
    const entry = { file, until: Infinity };
    this.#known.set(key, entry);
    this.#shrink();
    void file.then(({ kind }) => {
      // What went wrong may be right the next time.
      entry.until = kind === "refused" ? 0 : this.#clock.monotonic() + forwardCacheMs;
    });
    return file;
  }

  /** The supervisor's answer. One that nobody waits for is dropped. */
  answered(request: number, file: ForwardFile): void {
    const asked = this.#asked.get(request);
    this.#asked.delete(request);
    asked?.timer.cancel();
    asked?.answer(file);
  }

  #question(user: ForwardUser): Promise<ForwardFile> {
    const request = ++this.#requests;
    return new Promise((answer) => {
      const timer = this.#clock.after(forwardWaitMs, () => this.answered(request, refused("noReader", user)));
      this.#asked.set(request, { answer, timer });
      this.#ask(request, user);
    });
  }

  #shrink(): void {
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= forwardCacheMax) return;
      this.#known.delete(oldest);
    }
  }
}

function refused(problem: "busy" | "noReader", { home }: ForwardUser): ForwardFile {
  return { kind: "refused", problem, detail: home };
}
