import { type GuestSweep, neededClasses } from "@casemate/agent";
import { CasemateError, ExitCode, milliseconds } from "@casemate/core";
import { usualAllowances } from "@casemate/inspect";
import { detectors } from "@casemate/inspect/detectors";
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { findVm, openHypervisorAgent } from "../client/vm-source.ts";
import type { Context } from "../context.ts";
import { printCheck } from "../output/check.ts";
import { readRules } from "../read-rules.ts";

interface CheckOptions {
  readonly memory?: string;
  readonly disk?: readonly string[];
  readonly detector?: readonly string[];
  readonly all?: boolean;
  readonly rules?: readonly string[];
  readonly allMemory?: boolean;
  readonly agent?: boolean;
  readonly budget: number;
  readonly request?: string;
  readonly connect?: string;
  readonly data?: string;
}

const defaultBudgetMs = 2_000;
const everyDetector = detectors.map(({ id }) => id);

export function configureCheck(command: Command, context: Context): void {
  command
    .usage("[options] (VM | --memory FILE)")
    .addArgument(new Argument("[vm]", "a VM, by name or UUID"))
    .option("--memory <file>", "check this memory dump, not a VM")
    .option(
      "--disk <files>",
      "with --memory: the guest's disk, an image and what it rests on, comma between",
      (text) => text.split(","),
    )
    .addOption(new Option("--detector <id...>", "only these detectors").choices(everyDetector))
    .option("--all", "every detector: those, too, that read what processes and files hold")
    .option("--rules <path...>", "YARA rules that memory is put to: files, or directories of them")
    .option("--all-memory", "put all memory of processes to the rules, not only what may be run")
    .option("--agent", "ask the agent in the guest, too: what it says is held against memory")
    .option("--budget <ms>", "time a detector's look may take", parseBudget, defaultBudgetMs)
    .option("--request <id>", "a request for this check that has been approved")
    .option("--connect <uri>", "ask this libvirt itself, without a control plane")
    .option("--data <dir>", "the data directory of the control plane to ask")
    .option("--json", "print JSON")
    .addHelpText("after", `\nDetectors:\n${describeDetectors()}`)
    .action(async (vm: string | undefined, options: CheckOptions) => {
      const swept = await check(vm, options, context);
      const { subject, takenAt, elapsedMs, verdicts } = swept;
      if (context.output.json) {
        const document = { subject, takenAt: takenAt.toISOString(), elapsedMs, items: verdicts };
        context.output.document("GuestCheck", document);
      } else printCheck(swept, context.output);
      const words = new Set(verdicts.map(({ verdict }) => verdict));
      if (words.has("suspicious")) context.exitWith(ExitCode.suspicious);
      else if (words.has("inconclusive")) context.exitWith(ExitCode.inconclusive);
    });
}

async function check(
  vm: string | undefined,
  options: CheckOptions,
  { environment }: Context,
): Promise<GuestSweep> {
  const { memory, disk, connect } = options;
  verifyRules(options);
  verifyAgent(options);
  if (memory !== undefined) {
    if (vm !== undefined) throw wrong(`both VM ${vm} and --memory are given, expected one of them`);
    if (options.agent === true) throw wrong("--agent is given with --memory: a dump has no agent");
    const { sweepImage } = await import("@casemate/agent/sweep-image");
    return await sweepImage(memory, await ownRequest(options), disk);
  }
  if (disk !== undefined) throw wrong("--disk is given without --memory");
  if (vm === undefined) throw wrong("expected a VM or --memory FILE");
  if (connect !== undefined) {
    await using agent = await openHypervisorAgent(connect, environment.dataDirectory);
    const { uuid } = await findVm(agent, vm);
    const request = { ...(await ownRequest(options)), withAgent: options.agent };
    return await agent.sweep(uuid, { ...request, withDisks: true });
  }
  return await askControlPlane(vm, options, environment);
}

function verifyRules({ rules, allMemory, detector }: CheckOptions): void {
  const isRuled = detectors.some(({ id, given }) => given === "rules" && detector?.includes(id));
  if (rules === undefined && (isRuled || allMemory === true)) {
    throw wrong("no rules are given, expected --rules PATH");
  }
  if (rules !== undefined && detector !== undefined && !isRuled) {
    throw wrong("rules are given and nothing is put to them, expected --detector signatures");
  }
}

function verifyAgent({ agent, detector }: CheckOptions): void {
  const isAsked = detectors.some(({ id, given }) => given === "agent" && detector?.includes(id));
  if (agent !== true && isAsked) throw wrong("the agent is not asked, expected --agent");
  if (agent === true && detector !== undefined && !isAsked) {
    throw wrong(
      "--agent is given and its answers are for none, expected --detector agent-answers or agent-files",
    );
  }
}

/** Every detector that can look with what it is given. */
function whole({ rules, agent }: CheckOptions): readonly string[] {
  const isGiven = { rules: rules !== undefined, agent: agent === true };
  return detectors.filter(({ given }) => given === undefined || isGiven[given]).map(({ id }) => id);
}

/** Who is root on the host, or has the dump, may see all of it. */
async function ownRequest(options: CheckOptions) {
  const { detector = whole(options), budget, allMemory } = options;
  return {
    detectors: detector,
    classes: neededClasses(detector),
    budget: milliseconds(budget),
    allowances: usualAllowances,
    rules: await readRules(options.rules),
    allMemory,
  };
}

async function askControlPlane(
  vm: string,
  options: CheckOptions,
  environment: Context["environment"],
): Promise<GuestSweep> {
  const { openClient } = await import("../client/open-client.ts");
  const client = await openClient(environment, options);
  const { all, allMemory, agent, budget, request } = options;
  const chosen = options.detector ?? (all === true ? whole(options) : undefined);
  const rules = await readRules(options.rules);
  const path = `/api/v1/vms/${encodeURIComponent(vm)}/checks`;
  const body = {
    budget,
    ...(chosen === undefined ? {} : { detectors: [...chosen] }),
    ...(rules === undefined ? {} : { rules: rules.map((file) => ({ ...file })) }),
    ...(allMemory === undefined ? {} : { allMemory }),
    ...(agent === undefined ? {} : { agent }),
    ...(request === undefined ? {} : { request }),
  };
  const patience = rules === undefined && agent !== true ? undefined : patienceOf(budget);
  const document = await client.post(path, body, undefined, patience);
  const { items, takenAt, ...swept } = document as unknown as SentCheck; // our own control plane answered
  return { ...swept, takenAt: new Date(takenAt), verdicts: items };
}

/** Rules are compiled before they are put to memory, which has ten times the budget and is done again; so has an agent. */
const patienceOf = (budget: number): number => 180_000 + 60 * budget;

/** As JSON carries it. */
interface SentCheck extends Pick<GuestSweep, "subject" | "elapsedMs"> {
  readonly takenAt: string;
  readonly items: GuestSweep["verdicts"];
}

function describeDetectors(): string {
  const width = Math.max(...everyDetector.map(({ length }) => length));
  return detectors.map(({ id, title }) => `  ${id.padEnd(width)}  ${title}`).join("\n");
}

function parseBudget(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= 60_000) return Number(text);
  throw new InvalidArgumentError("Expected a budget of 1 to 60000 milliseconds.");
}

function wrong(seen: string): CasemateError {
  return new CasemateError("usage", `Cannot check: ${seen}.`, {
    next: "Run `casemate check --help` to see what it takes.",
  });
}
