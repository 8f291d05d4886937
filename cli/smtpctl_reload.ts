/** What smtpctl prints of a reload: what has changed, what is wrong. */

import { scrub } from "../lib/event_log.ts";
import type { ControlItem } from "../lib/daemon/control.ts";
import type { ConfigurationStatus } from "../lib/daemon/reload.ts";
import { type Change, formatChange } from "../lib/policy/difference.ts";
import type { Printer, RunOptions, View, ViewItem } from "./smtpctl_answer.ts";
import { paint, type Screen } from "./terminal_table.ts";

type Ending = Extract<ControlItem, { readonly kind: "reload" }>;
type Problem = Extract<ControlItem, { readonly kind: "problem" }>;

/** The view of `reload`. Problems go to standard error. A refusal is exit status 1. */
export class ReloadView implements View {
  readonly #printer: Printer;
  readonly #options: RunOptions;
  readonly #changes: Change[] = [];
  readonly #problems: Problem[] = [];
  #ending: Ending | null = null;

  constructor(printer: Printer, options: RunOptions) {
    this.#printer = printer;
    this.#options = options;
  }

  item(item: ViewItem): void {
    if (item.kind === "change") this.#changes.push(item.change);
    if (item.kind === "reload") this.#ending = item;
    if (item.kind === "problem") this.#problems.push(item);
  }

  async done(): Promise<number> {
    const outcome = this.#ending?.outcome ?? "refused";
    if (this.#options.json) await this.#printer.write(this.#json(outcome));
    else {
      for (const { text } of this.#problems) this.#printer.complain(lines(text));
      await this.#printer.write(this.#text(outcome));
      if (outcome === "refused") {
        this.#printer.complain(`${this.#options.name}: nothing is changed: what was in force is`);
      }
    }
    return outcome === "refused" ? 1 : 0;
  }

  #text(outcome: Ending["outcome"]): string {
    if (outcome === "refused") return "";
    const screen = this.#printer.screen ?? { color: false };
    const changes = this.#changes.map((change) => `${paintChange(change, screen)}\n`).join("");
    if (outcome === "checked") {
      return changes === "" ? "nothing would change\n" : `${changes}this would change; nothing is changed yet\n`;
    }
    const version = `version ${this.#ending?.version} is in force`;
    return changes === "" ? `${version}: nothing has changed; tables were read anew\n` : `${changes}${version}\n`;
  }

  #json(outcome: Ending["outcome"]): string {
    const version = outcome === "refused" ? null : this.#ending?.version ?? null;
    const problems = this.#problems.map(({ severity, text, error }) =>
      error ?? { file: null, line: null, column: null, severity, message: text }
    );
    return JSON.stringify({ outcome, version, changes: this.#changes, problems }, null, 2) + "\n";
  }
}

/** What `show status` says of the configuration. */
export function viewConfiguration({ file, version, loadedAt, failure }: ConfigurationStatus): string {
  const loaded = `configuration ${scrub(file)} version ${version}, loaded ${new Date(loadedAt).toISOString()}\n`;
  if (failure === null) return loaded;
  return `${loaded}reload failed ${new Date(failure.at).toISOString()}: ${scrub(failure.reason)}\n`;
}

/** The same as JSON. */
export function configurationJson({ file, version, loadedAt, failure }: ConfigurationStatus): unknown {
  return {
    file,
    version,
    loadedAt: new Date(loadedAt).toISOString(),
    failure: failure === null ? null : { at: new Date(failure.at).toISOString(), reason: failure.reason },
  };
}

function paintChange(change: Change, screen: Pick<Screen, "color">): string {
  const colour = change.kind === "added" ? "green" : change.kind === "removed" ? "red" : "yellow";
  return paint(scrub(formatChange(change)), colour, screen);
}

/** Several lines without what a terminal would obey. */
function lines(text: string): string {
  return text.split("\n").map(scrub).join("\n");
}
