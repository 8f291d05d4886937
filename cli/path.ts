/** Paths, for commands that are to start at once: the first use of any node: module costs a fifth of their start. Pure. */

/** An absolute path for what is named from `directory`, which is absolute. One that is absolute stays as it is. */
export function absolutePath(path: string, directory: string): string {
  if (path.startsWith("/")) return path;
  const steps: string[] = [];
  for (const step of `${directory}/${path}`.split("/")) {
    if (step === "..") steps.pop();
    else if (step !== "" && step !== ".") steps.push(step);
  }
  const end = path.endsWith("/") && steps.length > 0 ? "/" : "";
  return `/${steps.join("/")}${end}`;
}

/** The directory that an absolute path of a file is in. */
export function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** A file's own name, the last step of its path. */
export function fileNameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
