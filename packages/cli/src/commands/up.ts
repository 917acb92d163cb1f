import { once } from "node:events";
import { resolve } from "node:path";
import { CasemateError, milliseconds } from "@casemate/core";
import type { Lab } from "@casemate/lab";
import type { Command } from "commander";
import { resumeAbandoned } from "../client/resume-abandoned.ts";
import { controlPlaneSource, pausesIn, type VmSource } from "../client/vm-source.ts";
import type { Context } from "../context.ts";
import { printable } from "../output/printable.ts";
import { printView } from "../output/view.ts";
import { reportError } from "../report-error.ts";
import { stopOnSignals } from "../stop-on-signals.ts";
import { printVms } from "./vm.ts";

interface UpOptions {
  readonly lab?: boolean;
  readonly data?: string;
  readonly listen: string;
  readonly connect?: string;
  readonly policy?: string;
  readonly rules?: string;
  readonly sweepEvery: string;
  readonly verbose?: boolean;
}

const firstLook = { view: "processes", budget: milliseconds(10_000) };

export function configureUp(command: Command, context: Context): void {
  command
    .option("--lab", "bring up three guests under a private libvirt; they end with Casemate")
    .option("--data <dir>", "where to keep everything")
    .option("--listen <address>", "where the API listens", "127.0.0.1:7443")
    .option("--connect <uri>", "the libvirt to attach to (default: qemu:///system)")
    .option("--policy <dir>", "the policies that decide (default: those that come with Casemate)")
    .option("--rules <dir>", "the rules about findings (default: those that come with Casemate)")
    .option("--sweep-every <seconds>", "how often detectors sweep each VM; 0: never", "60")
    .option("--verbose", "show the log on stderr too")
    .action(async (options: UpOptions) => {
      const stop = stopOnSignals(() => context.progress.end());
      try {
        await up(options, context, stop);
      } catch (thrown) {
        if (!stop.aborted) throw thrown;
        // What was under way when it was stopped has been undone; that it ended early is no failure.
      } finally {
        context.progress.end();
      }
    });
}

/** Everything in one process, until the signal says stop. */
async function up(options: UpOptions, context: Context, stop: AbortSignal): Promise<void> {
  const { environment, output } = context;
  const dataDirectory = resolve(options.data ?? environment.dataDirectory);
  const { parseListenAddress, startControl } = await import("@casemate/control");
  const { attachHost } = await import("@casemate/agent");

  // Declared first, so that it ends last: the lab and the way to it, below the control plane.
  await using below = new AsyncDisposableStack();
  // The data directory and the port are taken before anything is started that would have to be undone.
  await using control = await startControl({
    dataDirectory,
    listen: parseListenAddress(options.listen),
    policyDirectory: options.policy === undefined ? undefined : resolve(options.policy),
    ruleDirectory: options.rules === undefined ? undefined : resolve(options.rules),
    verbose: options.verbose === true,
    sweeps: parseSweeps(options.sweepEvery),
    onAlarm: (sentence) => process.stderr.write(`casemate: ${printable(sentence)}\n`),
  });
  await resumeAbandoned(dataDirectory);
  const lab = options.lab ? below.use(await bringUpLab(dataDirectory, context, stop)) : undefined;
  const host =
    lab === undefined
      ? { uri: options.connect ?? "qemu:///system" }
      : { uri: lab.connectUri, place: `lab of ${dataDirectory}` };
  const pauses = pausesIn(dataDirectory);
  const agent = below.use(await attachHost({ ...host, pauses }, stop));
  await control.attach(agent);

  context.progress.end();
  const token = await control.takeBootstrapToken();
  output.text(`Casemate is at ${output.style.strong(control.url)}\n`);
  output.text(`  certificate  SHA-256 ${control.fingerprint}\n`);
  if (token !== undefined) {
    output.text(`  token        ${token}  (shown this once: keep it)\n`);
  }
  output.text("\n");
  const source = await openOwnSource(dataDirectory, stop);
  printVms(context, await source.listVms());
  if (lab !== undefined) await showFirstLook(lab, source, context, stop);
  output.text(`\nCtrl-C stops Casemate${lab ? " and the lab" : "; the VMs run on"}.\n`);
  if (!stop.aborted) await once(stop, "abort");
  context.progress.step("Stopping …");
}

/** Throws `usage` for what is no number of seconds. */
function parseSweeps(seconds: string): { readonly interval: number } | false {
  const count = Number(seconds);
  if (/^\d{1,5}$/.test(seconds)) return count === 0 ? false : { interval: count * 1_000 };
  throw new CasemateError(
    "usage",
    `Cannot sweep every ${seconds}: expected seconds, at most 99999, or 0.`,
  );
}

/** The control plane just started, as any client of this machine has it: looking is governed here, too. */
async function openOwnSource(dataDirectory: string, stop: AbortSignal): Promise<VmSource> {
  const { controlClient } = await import("../client/control-client.ts");
  const { readClientFile } = await import("../client/read-client-file.ts");
  return controlPlaneSource(controlClient(await readClientFile(dataDirectory)), stop);
}

async function bringUpLab(
  dataDirectory: string,
  { environment, progress }: Context,
  stop: AbortSignal,
): Promise<Lab> {
  const { startLab } = await import("@casemate/lab");
  const { probeAccelerator } = await import("@casemate/host");
  progress.step("Lab: finding out whether KVM works …");
  const { kind, reason } = await probeAccelerator(environment.cacheDirectory, stop);
  progress.step(`Lab: guests run with ${kind.toUpperCase()} (${reason})`);
  return await startLab(
    {
      // Not inside: QEMU's user must get at the guests' disks, and at nothing of Casemate's.
      dataDir: `${dataDirectory}-lab`,
      cacheDir: `${environment.cacheDirectory}/lab`,
      accelerator: kind,
      onProgress: ({ step, done, total, detail }) => {
        const count = done === undefined || total === undefined ? "" : ` ${done} of ${total}`;
        progress.step(`Lab: ${step}${count}${detail === undefined ? "" : `, ${detail}`}`);
      },
    },
    stop,
  );
}

/** What runs in the lab's web server, seen from outside: the first thing to see once it is up. */
async function showFirstLook(
  lab: Lab,
  source: VmSource,
  context: Context,
  stop: AbortSignal,
): Promise<void> {
  const { output, progress, environment } = context;
  const [guest] = lab.guests;
  if (guest === undefined) return;
  progress.step(`Lab: waiting until ${guest.name} has booted …`);
  await lab.waitUntilReady(guest, stop);
  progress.end();
  try {
    const seen = await source.view(guest.uuid, firstLook);
    const items = seen.items.filter(({ kernelThread }) => kernelThread === false);
    output.text(`\n${guest.name}, seen from outside:\n`);
    printView({ ...seen, items }, output);
    output.text(`and ${seen.items.length - items.length} kernel threads.\n`);
  } catch (thrown) {
    // The control plane serves all the same: say what was wrong, and stay.
    reportError(thrown, { json: false, debug: environment.debug });
  }
}
