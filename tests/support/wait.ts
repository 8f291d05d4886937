/** Waiting for what other processes do: always for a condition, never for a time. */

/** Resolves when `done` answers true; it is asked again and again until `limitMs` have passed, and then this throws. */
export async function until(
  what: string,
  done: () => boolean | Promise<boolean>,
  { everyMs = 10, limitMs = 15_000 } = {},
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!await done()) {
    if (performance.now() > end) throw new Error(`Not within ${limitMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Resolves as `promise` does, or throws when that takes longer than `limitMs`; `onLate` frees what it waits on. */
export async function within<T>(what: string, promise: Promise<T>, limitMs = 15_000, onLate = () => {}): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      onLate();
      reject(new Error(`Not within ${limitMs / 1000} s: ${what}`));
    }, limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
