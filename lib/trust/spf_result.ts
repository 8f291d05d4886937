/** What an SPF check comes to, and what that means for who sends. Pure. */

/** What a check may come to. RFC 7208 §2.6. */
export const spfResults = ["none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"] as const;

/** What a check comes to. */
export type SpfResult = (typeof spfResults)[number];

/** May mail go out under its sender? Where no policy forbids it: a server that checks finds `pass`, or nothing to hold
 * against it. Errors count as a policy that does, since what the server makes of them is its own affair. */
export function mayKeepSender(result: SpfResult): boolean {
  return result === "pass" || result === "none" || result === "neutral";
}

/** What came out for one of our addresses. Plain data. */
export interface SpfFinding {
  /** As `formatIp` writes it. */
  readonly address: string;
  /** What a server that mail comes to from there would find. */
  readonly result: SpfResult;
}

/** Addresses of ours that an explanation asks for. */
export const spfFindingsMax = 4;
