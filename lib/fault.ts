/** What can go wrong that is nobody's bug, and what to do when it is ours.
 * A peer or a policy that says no is a value (`Reply`, `Outcome`), never a Fault. */

/** Kinds of operational failure. `unavailable` is a backend or role that is down for now;
 * `malformed` is stored or received data that cannot be read; `unsupported` is what a backend never does. */
export type FaultKind =
  | "timeout"
  | "refused"
  | "reset"
  | "unreachable"
  | "closed"
  | "noSpace"
  | "io"
  | "notFound"
  | "exists"
  | "denied"
  | "malformed"
  | "unavailable"
  | "unsupported";

/** Who has to act: us, the peer on the wire, or the world around both (disk, network). */
export type Blame = "ours" | "peer" | "world";

/** The world failed. Made only in host/, in table and spool backends, and in the simulator.
 * The message reads `Cannot <action>: <state>`. */
export class Fault extends Error {
  /** Tells it from other errors in a stack trace. */
  override readonly name = "Fault";
  /** What went wrong; decides what becomes of the work. */
  readonly kind: FaultKind;
  /** `world` unless said otherwise. */
  readonly blame: Blame;

  /** Makes a Fault; `cause` keeps the error of the layer below for the log. */
  constructor(kind: FaultKind, message: string, options: { blame?: Blame; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.blame = options.blame ?? "world";
  }
}

/** Throws when our own reasoning is wrong. The role dies and the supervisor restarts it. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Assertion failed: ${message}`);
}

/** Ends an exhaustive `switch`: the compiler proves that it is never reached. */
export function assertNever(value: never): never {
  throw new Error(`Assertion failed: unexpected ${JSON.stringify(value)}`);
}

/** One line of text for a log, whatever was thrown. */
export function describeError(error: unknown): string {
  if (error instanceof Error) return error.message;
  return String(error);
}
