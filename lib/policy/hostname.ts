/** Names of peers. */

/** `Origin.hostname` of a peer whose name nobody looked up. */
export const unknownHostname = "<unknown>";
