import type { LookRequest, ViewRequest } from "@casemate/agent";
import { CasemateError, ExitCode, type Milliseconds, milliseconds } from "@casemate/core";
import { views } from "@casemate/inspect";
import { Argument, type Command, InvalidArgumentError } from "commander";
import { resumeAbandoned } from "../client/resume-abandoned.ts";
import { asSeenView, openVmSource, type SeenView } from "../client/vm-source.ts";
import type { Context } from "../context.ts";
import { describePause } from "../output/describe-pause.ts";
import { printable } from "../output/printable.ts";
import { printView } from "../output/view.ts";
import { parsePauseLimit } from "./parse-pause-limit.ts";

interface InspectOptions {
  readonly memory?: string;
  readonly connect?: string;
  readonly data?: string;
  readonly budget: number;
  readonly pause?: boolean;
  readonly pauseLimit?: Milliseconds;
  readonly request?: string;
}

const defaultBudgetMs = 2_000;
const viewNames = views.map(({ id }) => id);

export function configureInspect(command: Command, context: Context): void {
  const view = new Argument("[view]", "what to see");
  view.argChoices = viewNames; // for completion; with --memory the view stands elsewhere
  command
    .usage("[options] (VM | --memory FILE) VIEW [ARGUMENT]")
    .addArgument(new Argument("[vm]", "a VM, by name or UUID"))
    .addArgument(view)
    .addArgument(new Argument("[argument]", "what some views are told besides"))
    .option("--memory <file>", "look into this memory dump, not into a VM")
    .option("--budget <ms>", "time the look may take", parseMilliseconds, defaultBudgetMs)
    .option("--pause", "have the VM stand still for the moment of the look")
    .option(
      "--pause-limit <ms>",
      "when a paused VM is resumed whatever happens (default: 50, at most 5000)",
      parsePauseLimit,
    )
    .option("--request <id>", "a request for this look that has been approved")
    .option("--connect <uri>", "ask this libvirt itself, without a control plane")
    .option("--data <dir>", "the data directory of the control plane to ask")
    .option("--json", "print JSON")
    .addHelpText("after", `\nViews:\n${describeViews()}`)
    .action(async (...[first, second, third, options]: Words) => {
      const seen = await look([first, second, third], options, context);
      const contents = views.find(({ id }) => id === seen.view)?.contents?.(seen.items);
      if (context.output.json) context.output.document(seen.kind, seen);
      else if (contents !== undefined) context.output.contents(contents.bytes);
      else printView(seen, context.output);
      if (contents !== undefined && contents.missing > 0) {
        process.stderr.write(
          `casemate: it goes on for ${contents.missing} bytes, not all of which the guest has in memory: --json shows those it has.\n`,
        );
        context.exitWith(ExitCode.inconclusive);
      }
      if (seen.paused !== undefined) {
        const sentence = describePause(seen.subject, seen.paused);
        process.stderr.write(`casemate: ${printable(sentence)}\n`);
      }
      if (seen.damaged.length > 0) {
        process.stderr.write(
          "casemate: some of it is damaged: treat the guest as suspicious and look again.\n",
        );
        context.exitWith(ExitCode.inconclusive);
      }
      if (seen.consistency === "torn") {
        process.stderr.write("casemate: the guest changed while it was read: look again.\n");
      }
    });
}

type Word = string | undefined;
type Words = [first: Word, second: Word, third: Word, options: InspectOptions];

async function look(
  words: readonly Word[],
  options: InspectOptions,
  { environment }: Context,
): Promise<SeenView> {
  const { memory, budget, pauseLimit } = options;
  const pause = options.pause === true ? { limit: pauseLimit } : undefined;
  if (pauseLimit !== undefined && pause === undefined) {
    throw wrong("--pause-limit is given without --pause");
  }
  if (memory !== undefined) {
    if (pause !== undefined) throw wrong("--pause is given with --memory: a dump stands still");
    const [view, argument, extra] = words;
    if (extra !== undefined || (argument !== undefined && viewNames.includes(argument))) {
      throw wrong(`both VM ${view} and --memory are given, expected one of them`);
    }
    // In this process: a second one would take longer to start than the look takes.
    const { inspectImage } = await import("@casemate/agent/inspect-image");
    return asSeenView(await inspectImage(memory, requestFor(view, argument, budget)));
  }
  const [vm, view, argument] = words;
  if (vm === undefined) throw wrong("expected a VM or --memory FILE, and a view");
  const request: LookRequest = { ...requestFor(view, argument, budget), pause };
  await resumeAbandoned(options.data ?? environment.dataDirectory);
  await using source = await openVmSource(environment, options);
  return await source.view(vm, request, options.request);
}

function requestFor(view: Word, argument: Word, budget: number): ViewRequest {
  if (view !== undefined && viewNames.includes(view)) {
    return { view, argument, budget: milliseconds(budget) };
  }
  const seen = view === undefined ? "" : `there is no view ${view}, `;
  throw wrong(`${seen}expected a VM or --memory FILE, and one of ${viewNames.join(", ")}`);
}

function describeViews(): string {
  const names = views.map(({ id, argument }) => {
    if (argument === undefined) return id;
    return argument.required ? `${id} ${argument.name}` : `${id} [${argument.name}]`;
  });
  const width = Math.max(...names.map(({ length }) => length));
  return views.map(({ title }, i) => `  ${names[i]?.padEnd(width)}  ${title}`).join("\n");
}

function parseMilliseconds(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a budget of 1 to 999999 milliseconds.");
}

function wrong(seen: string): CasemateError {
  return new CasemateError("usage", `Cannot inspect: ${seen}.`, {
    next: "Run `casemate inspect --help` to see what it takes.",
  });
}
