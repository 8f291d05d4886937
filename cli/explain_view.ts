/** An explanation for people, and as JSON. Pure. */

import { formatSpan, scrub } from "../lib/event_log.ts";
import { formatMailbox, formatPath } from "../lib/mail/address.ts";
import type { ExplainedAnswer, ExplainedEnvelope } from "../lib/daemon/explanation.ts";
import { mayKeepSender } from "../lib/trust/spf_result.ts";
import { shownValue } from "../lib/daemon/trace_log.ts";
import { describeTest, type ExplainedElement, type ExplainQuestion, hintsOf, treeOf } from "../lib/policy/explain.ts";
import type { TracedElement, TraceEvent } from "../lib/policy/trace.ts";
import { paint, type Screen, type Style, widthOf } from "./terminal_table.ts";

/** All of an explanation. */
export interface ShownExplanation {
  readonly question: ExplainQuestion;
  readonly events: readonly TraceEvent[];
  readonly answer: ExplainedAnswer;
}

/** Exit status when the recipient would be refused. */
export const statusRefused = 2;

/** Width of an explanation that goes to no terminal, columns. */
const plainWidth = 120;

/** The text to print: JSON, or for people. `screen` is null for no terminal. */
export function formatExplanation(shown: ShownExplanation, screen: Screen | null, json: boolean): string {
  if (json) return `${JSON.stringify(explanationJson(shown), null, 2)}\n`;
  return viewExplanation(shown, screen ?? { width: plainWidth, color: false });
}

/** The steps as a tree, then what they come to. */
export function viewExplanation(shown: ShownExplanation, screen: Screen): string {
  const { question, events, answer } = shown;
  const root = treeOf(events);
  const fileName = shortNames(events);
  const lines = [
    ...questionLines(question),
    { indent: "", rest: "", parts: [] },
    ...(root === null ? [] : elementLines(root, "", "", fileName)),
    { indent: "", rest: "", parts: [] },
    ...answerLines(answer),
    ...(answer.kind === "refused" ? hintsOf(events) : []).map((hint) =>
      line("  ", "  ", ["= ", "cyan"], [hint, "plain"])
    ),
  ];
  return lines.map((one) => drawLine(one, screen)).join("");
}

/** The same for programs: the question, the recipient with its steps and what came out of it, and the answer. */
export function explanationJson({ question, events, answer }: ShownExplanation): unknown {
  return { question, recipient: treeOf(events.map(withoutSecrets)), answer };
}

function withoutSecrets(event: TraceEvent): TraceEvent {
  if (event.kind !== "lookup" || event.answer.kind !== "found" || event.answer.value === null) return event;
  return { ...event, answer: { kind: "found", value: shownValue(event.service, event.answer.value) } };
}

/** A piece of a line. */
type Part = readonly [text: string, style: Style];

/** One line; what does not fit goes on below, behind `rest`. */
interface Line {
  readonly indent: string;
  readonly rest: string;
  readonly parts: readonly Part[];
}

function line(indent: string, rest: string, ...parts: readonly Part[]): Line {
  return { indent, rest, parts };
}

function questionLines(question: ExplainQuestion): readonly Line[] {
  const { sender, rcpt, address, hostname, helo, username, tls, tag, listener } = question;
  const client = [
    address === null ? "this machine" : address,
    ...(hostname === null ? [] : [`(${hostname})`]),
    ...(helo === null ? [] : [`helo ${helo}`]),
    ...(username === null ? [] : [`authenticated as ${username}`]),
    ...(tls ? ["over TLS"] : []),
    ...(listener === null ? [] : [`to ${listener}`]),
    ...(tag === null ? [] : [`tag ${tag}`]),
  ];
  return [
    line("", "        ", ["from    ", "dim"], [formatPath(sender), "plain"]),
    line("", "        ", ["to      ", "dim"], [`<${formatMailbox(rcpt)}>`, "plain"]),
    line("", "        ", ["client  ", "dim"], [client.join(" "), "plain"]),
  ];
}

/** `head` stands before the element, `stem` before what is below it. */
function elementLines(
  element: ExplainedElement,
  head: string,
  stem: string,
  fileName: (path: string) => string,
): readonly Line[] {
  const { text, steps, children } = element;
  const bar = children.length > 0 ? `${stem}│ ` : `${stem}  `;
  const kind = kindNames[element.element];
  return [
    line(head, stem, [kind, "plain"], [text, "bold"]),
    ...stepLines(steps, bar, fileName),
    ...children.flatMap((child, i) =>
      i === children.length - 1
        ? elementLines(child, `${stem}└ `, `${stem}  `, fileName)
        : elementLines(child, `${stem}├ `, `${stem}│ `, fileName)
    ),
  ];
}

const kindNames: Readonly<Record<TracedElement, string>> = {
  address: "",
  username: "user ",
  file: "file ",
  command: "command ",
  maildir: "Maildir ",
  error: "error ",
};

/** Files without their directories, unless two would have one name. */
function shortNames(events: readonly TraceEvent[]): (path: string) => string {
  const paths = new Set(
    events.flatMap((event) => event.kind === "rule" || event.kind === "filter" ? [event.place.file] : []),
  );
  const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  const isClear = new Set([...paths].map(nameOf)).size === paths.size;
  return (path) => isClear ? nameOf(path) : path;
}

function stepLines(
  steps: ExplainedElement["steps"],
  bar: string,
  fileName: (path: string) => string,
): readonly Line[] {
  const lines: Line[] = [];
  const rest = `${bar}    `;
  const add = (...parts: readonly Part[]) => void lines.push(line(`${bar}`, rest, ...parts));
  for (const [i, step] of steps.entries()) {
    switch (step.kind) {
      case "rule":
        lines.push(...ruleLines(step, bar, fileName));
        break;
      case "filter":
        lines.push(...filterLines(step, bar, fileName));
        break;
      case "lookup":
        if (!ruleServices.has(step.service)) addLookup(steps, i, add);
        else if (step.answer.kind === "failed") add(["! ", "red"], [step.answer.reason, "red"]);
        break;
      case "forward":
        add(["· ", "dim"], [`${step.path}: ${step.text}`, "plain"]);
        break;
      case "target":
        add(["→ ", "green"], [step.text, "green"], [step.action === null ? "" : ` (action ${step.action})`, "dim"]);
        break;
      case "dropped":
        add(["· ", "dim"], [`left out: ${step.reason}`, "dim"]);
        break;
      case "refused":
        add(["✗ ", "red"], ["refused: ", "red"], [step.reason, "plain"]);
        break;
      case "note":
        add(["· ", "dim"], [step.text, "yellow"]);
    }
  }
  return lines;
}

type Rule = Extract<TraceEvent, { kind: "rule" }>;
type Lookup = Extract<TraceEvent, { kind: "lookup" }>;

/** Services whose look-ups the tests of a rule make: they are shown with the rule. */
const ruleServices: ReadonlySet<string> = new Set(["string", "netaddr", "domain", "mailaddr", "regex"]);

function isValueLookup(step: ExplainedElement["steps"][number]): step is Lookup {
  return step.kind === "lookup" && !ruleServices.has(step.service);
}

function ruleLines(
  { verdict, place, text, tests }: Rule,
  bar: string,
  fileName: (path: string) => string,
): readonly Line[] {
  const [mark, style] = ({ matched: ["✓ ", "green"], no: ["✗ ", "dim"], failed: ["! ", "red"] } as const)[verdict];
  const rest = `${bar}    `;
  const where: Part = [`${fileName(place.file)}:${place.line}  `, "dim"];
  const head = line(bar, rest, [mark, style], where, [text, verdict === "matched" ? "bold" : style]);
  const shown = verdict === "no" ? tests.slice(-1) : tests;
  return [
    head,
    ...shown.map((test) => {
      const found = test.holds === null ? "there is no telling" : describeTest(test);
      return line(rest, `${rest}  `, [`${test.option}: `, "dim"], [found, test.holds === null ? "red" : "plain"]);
    }),
  ];
}

function filterLines(
  { phase, filter, place, test, decision }: Extract<TraceEvent, { kind: "filter" }>,
  bar: string,
  fileName: (path: string) => string,
): readonly Line[] {
  const { option, holds } = test;
  const [mark, style] = holds === null
    ? ["! ", "red"] as const
    : holds
    ? ["✓ ", "green"] as const
    : ["✗ ", "dim"] as const;
  const rest = `${bar}    `;
  const where: Part = [`${fileName(place.file)}:${place.line}  `, "dim"];
  const text = `filter ${filter} phase ${phase} match ${option} ${decision}`;
  const found = holds === null ? "there is no telling" : describeTest(test);
  return [
    line(bar, rest, [mark, style], where, [text, holds ? "bold" : style]),
    line(rest, `${rest}  `, [`${option}: `, "dim"], [found, holds === null ? "red" : "plain"]),
  ];
}

/** A look-up for a value; those before it that found nothing in the same table are one line with each other. */
function addLookup(steps: ExplainedElement["steps"], i: number, add: (...parts: readonly Part[]) => void): void {
  const step = steps[i];
  if (step === undefined || !isValueLookup(step)) return;
  const { table, service, key, answer } = step;
  const name = table.startsWith("<") ? table : `<${table}>`;
  switch (answer.kind) {
    case "found":
      return add(["✓ ", "green"], [`${name}  `, "cyan"], [
        `${key} = ${shownValue(service, answer.value ?? "")}`,
        "plain",
      ]);
    case "failed":
      return add(["! ", "red"], [`${name}  `, "cyan"], [answer.reason, "red"]);
    case "absent": {
      const isAbsent = (other: ExplainedElement["steps"][number] | undefined): other is Lookup =>
        other !== undefined && isValueLookup(other) && other.answer.kind === "absent" && other.table === table &&
        other.service === service;
      if (isAbsent(steps[i + 1])) return;
      const keys = [key];
      for (let at = i - 1; isAbsent(steps[at]); at--) {
        const before = steps[at];
        if (before !== undefined && isValueLookup(before)) keys.unshift(before.key);
      }
      return add(["✗ ", "dim"], [`${name}  `, "cyan"], [`has no ${keys.join(", ")}`, "dim"]);
    }
  }
}

function answerLines(answer: ExplainedAnswer): readonly Line[] {
  if (answer.kind === "refused") {
    return [line("", "  ", ["refused  ", "red"], [answer.reply, "bold"])];
  }
  const { envelopes } = answer;
  const count = envelopes.length === 1 ? "1 envelope" : `${envelopes.length} envelopes`;
  return [
    line("", "", ["accepted ", "green"], [` ${count}`, "bold"]),
    ...envelopes.flatMap((envelope, i) => envelopeLines(envelope, String(i + 1).padStart(3))),
  ];
}

function envelopeLines(envelope: ExplainedEnvelope, number: string): readonly Line[] {
  const { kind, action, dest, local, route, ttlMs, method } = envelope;
  const rest = "     ";
  const what = kind === "mta" || local === null
    ? `relay to ${formatMailbox(dest)}`
    : local.exec !== null
    ? `${local.exec.kind} ${local.exec.text}, as ${local.user}`
    : `${method} of ${local.user}${local.subAddress === "" ? "" : `, sub-address ${local.subAddress}`}`;
  return [
    line("", rest, [`${number}  `, "dim"], [what, "bold"], [`  action ${action}, for ${formatSpan(ttlMs)}`, "dim"]),
    ...(kind === "mta" ? senderLines(envelope, rest) : []),
    ...(route === null ? [] : routeLines(route, rest)),
  ];
}

/** The sender; where SPF decides, both that it may be, and what SPF says now. */
function senderLines({ sender, senderIfSpfFails, spf }: ExplainedEnvelope, indent: string): readonly Line[] {
  const first = line(indent, indent, ["from ", "dim"], [formatPath(sender), "plain"]);
  if (senderIfSpfFails === null) return [first];
  const why = ` where SPF does not let us send for ${formatPath(sender)}`;
  return [
    first,
    line(`${indent}  or `, `${indent}     `, [formatPath(senderIfSpfFails), "plain"], [why, "dim"]),
    ...spf.map(({ address, result }) => {
      const chosen = mayKeepSender(result) ? sender : senderIfSpfFails;
      const text = ` ${result}: ${formatPath(chosen)}`;
      return line(`${indent}     `, `${indent}       `, [address, "dim"], [text, "plain"]);
    }),
    ...(spf.length === 0 ? [line(`${indent}     `, `${indent}     `, ["asked when the mail leaves", "dim"])] : []),
  ];
}

function routeLines(route: NonNullable<ExplainedEnvelope["route"]>, indent: string): readonly Line[] {
  const head: Part = [`${route.via}`, "plain"];
  switch (route.kind) {
    case "unasked":
      return [line(indent, indent, ["by ", "dim"], head, [": not looked up; --dns does", "dim"])];
    case "none":
      return [line(indent, indent, ["by ", "dim"], head, [": ", "dim"], [route.reason, "red"])];
    case "hosts":
      return [
        line(indent, indent, ["by ", "dim"], head, [`, port ${route.port}`, "dim"]),
        ...route.hosts.map(({ name, preference, addresses }) =>
          line(`${indent}  `, `${indent}     `, [String(preference).padStart(3), "dim"], [` ${name} `, "plain"], [
            addresses.join(" "),
            "dim",
          ])
        ),
      ];
  }
}

/** Writes a line, broken at blanks where it is wider than the screen; a word that is too long for a line is not broken. */
function drawLine({ indent, rest, parts }: Line, screen: Screen): string {
  let out = paintBar(indent, screen);
  let used = widthOf(indent);
  let isFresh = true;
  for (const [text, style] of parts) {
    // Words with the blanks before them.
    for (const word of scrub(text).match(/ *[^ ]+| +$/g) ?? []) {
      const width = widthOf(word);
      if (!isFresh && word.trim() !== "" && used + width > screen.width) {
        out = `${out.trimEnd()}\n${paintBar(rest, screen)}${paint(word.trimStart(), style, screen)}`;
        used = widthOf(rest) + widthOf(word.trimStart());
      } else {
        out += paint(word, style, screen);
        used += width;
      }
      isFresh = false;
    }
  }
  return `${out.trimEnd()}\n`;
}

function paintBar(bar: string, screen: Screen): string {
  return bar.trim() === "" ? bar : paint(bar, "dim", screen);
}
