import { CasemateError, milliseconds } from "@casemate/core";
import { views } from "@casemate/inspect";
import { Argument, type Command, InvalidArgumentError } from "commander";
import { asSeenView, openVmSource, type SeenView } from "../client/vm-source.ts";
import type { Context } from "../context.ts";
import { printView } from "../output/view.ts";

interface InspectOptions {
  readonly memory?: string;
  readonly connect?: string;
  readonly data?: string;
  readonly budget: number;
}

const defaultBudgetMs = 2_000;
const viewNames = views.map(({ id }) => id);

export function configureInspect(command: Command, context: Context): void {
  const summaries = views.map(({ id, title }) => `  ${id.padEnd(12)} ${title}`);
  command
    .usage("[options] (VM | --memory FILE) VIEW")
    .addArgument(new Argument("[vm]", "a VM, by name or UUID"))
    .addArgument(new Argument("[view]", "what to see").choices(viewNames))
    .option("--memory <file>", "look into this memory dump, not into a VM")
    .option("--budget <ms>", "time the look may take", parseMilliseconds, defaultBudgetMs)
    .option("--connect <uri>", "ask this libvirt itself, without a control plane")
    .option("--data <dir>", "the data directory of the control plane to ask")
    .option("--json", "print JSON")
    .addHelpText("after", `\nViews:\n${summaries.join("\n")}`)
    .action(async (first: string | undefined, second: string | undefined, options) => {
      const seen = await look(first, second, options, context);
      if (context.output.json) context.output.document(seen.kind, seen);
      else printView(seen, context.output);
      if (seen.consistency === "torn") {
        process.stderr.write("casemate: the guest changed while it was read: look again.\n");
      }
    });
}

async function look(
  first: string | undefined,
  second: string | undefined,
  options: InspectOptions,
  { environment }: Context,
): Promise<SeenView> {
  if (options.memory !== undefined) {
    if (second !== undefined) {
      throw wrong(`both VM ${first} and --memory are given, expected one of them`);
    }
    return await lookIntoFile(options.memory, verifyView(first), options.budget);
  }
  if (first === undefined || second === undefined) {
    throw wrong(`expected a VM or --memory FILE, and a view (${viewNames.join(", ")})`);
  }
  await using source = await openVmSource(environment, options);
  return await source.view(first, second, options.budget);
}

/** In this process: a second one would take longer to start than the look takes. */
async function lookIntoFile(path: string, view: string, budgetMs: number): Promise<SeenView> {
  const { inspectImage } = await import("@casemate/agent");
  return asSeenView(await inspectImage(path, view, milliseconds(budgetMs)));
}

function verifyView(name: string | undefined): string {
  if (name !== undefined && viewNames.includes(name)) return name;
  throw wrong(`expected a view: ${viewNames.join(", ")}`);
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
