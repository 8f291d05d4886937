/** What whoever checks a helper's words needs to know of them, without the machine that speaks with it. */

/** Longest line of a helper, octets. */
export const procLineMax = 64 * 1024;
