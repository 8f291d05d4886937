/** Errors of the operating system in words. */

/** What an error means, and what to do where that is known, with its name behind: `no such file or directory (ENOENT)`.
 * A name that is not known stays alone. */
export function describeErrno(code: string): string {
  const words = Object.hasOwn(sentences, code) ? sentences[code] : undefined;
  return words === undefined ? code : `${words} (${code})`;
}

const sentences: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRINUSE: "another program listens there: stop it (ss -ltnp names it), or choose another address or port",
  EADDRNOTAVAIL: "this machine has no such address",
  EAI_AGAIN: "the name cannot be looked up now",
  ECONNREFUSED: "nobody listens there",
  ECONNRESET: "the other side broke the connection off",
  EDQUOT: "the disk quota is used up",
  EEXIST: "it is there already",
  EHOSTUNREACH: "no way leads to that host",
  EIO: "the disk failed",
  EISDIR: "it is a directory",
  ELOOP: "too many symbolic links",
  EMFILE: "too many files are open",
  ENETUNREACH: "no way leads to that network",
  ENFILE: "too many files are open",
  ENOENT: "no such file or directory",
  ENOSPC: "no space is left on the disk",
  ENOTDIR: "a part of the path is no directory",
  ENOTFOUND: "no host has that name",
  EPERM: "it is not permitted",
  EPIPE: "the other side has closed the connection",
  EROFS: "the file system is read-only",
  ETIMEDOUT: "there was no answer",
};
