/** Giving memory back. */

/** Collects all garbage now, where the process was started with --expose-gc; else nothing. A process that has just
 * started, or has just become idle, holds megabytes that it will not need again. */
export function trimMemory(): void {
  const collect: unknown = Reflect.get(globalThis, "gc");
  if (typeof collect === "function") collect({ type: "major", execution: "sync", flavor: "last-resort" });
}
