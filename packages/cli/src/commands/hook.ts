import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CasemateError, ExitCode, KiB, toCasemateError } from "@casemate/core";
import { describeDomain, installHook, readHookStatus, removeHook } from "@casemate/host";
import { type Command, Option } from "commander";
import { openClient } from "../client/open-client.ts";
import type { Context } from "../context.ts";

interface RunOptions {
  readonly data?: string;
  readonly unreachable: "deny" | "permit";
}

/** libvirt's hook waits, and libvirt with it, for so long at most; in milliseconds. */
const PATIENCE = 10_000;

/** The moments at which libvirt takes a refusal (libvirt.org/hooks.html), and what they are to the policy. */
const launches: Readonly<Record<string, "libvirt.start" | "libvirt.receive">> = {
  "prepare begin": "libvirt.start",
  "migrate begin": "libvirt.receive",
  "restore begin": "libvirt.start",
};

export function configureHook(command: Command, context: Context): void {
  command
    .command("run <vm> <operation> <suboperation> [extra]")
    .description("what libvirt calls: asks the policy before a VM starts or arrives")
    .option("--data <dir>", "the data directory of the control plane to ask")
    .addOption(unreachableOption())
    .action(
      async (
        vm: string,
        operation: string,
        suboperation: string,
        _extra: string | undefined,
        options: RunOptions,
      ) => {
        const action = launches[`${operation} ${suboperation}`];
        if (action === undefined) return;
        const because = await judge(action, options, context);
        if (because === undefined) return;
        process.stderr.write(`Casemate does not let ${vm} run: ${because}\n`);
        context.exitWith(ExitCode.denied);
      },
    );
  withDirectory(
    command
      .command("install")
      .description("have libvirt ask the policy before a VM starts or arrives"),
  )
    .option("--data <dir>", "the data directory of the control plane to ask")
    .addOption(unreachableOption())
    .action(async ({ directory, data, unreachable }: RunOptions & DirectoryOption) => {
      const program = resolve(import.meta.dirname, "../../../../casemate");
      const from = resolve(data ?? context.environment.dataDirectory);
      const words = ["hook", "run", "--data", from, "--unreachable", unreachable, "--"];
      const path = await installHook({ directory, command: [program, ...words] });
      context.output.text(`Installed ${path}.\n`);
      context.output.text(
        "A libvirtd that had no hook when it started must be restarted once; VMs run on.\n",
      );
    });
  withDirectory(command.command("remove").description("have libvirt ask no more")).action(
    async ({ directory }: DirectoryOption) => {
      await removeHook(directory);
      context.output.text("Removed.\n");
    },
  );
  withDirectory(command.command("status").description("whether libvirt asks"))
    .option("--json", "print JSON")
    .action(async ({ directory }: DirectoryOption) => {
      const status = await readHookStatus(directory);
      if (context.output.json) context.output.document("HookStatus", { status: status.kind });
      else context.output.text(`${status.kind}\n`);
    });
  command.action(() => command.outputHelp());
}

interface DirectoryOption {
  readonly directory?: string;
}

function withDirectory(command: Command): Command {
  return command.option("--directory <dir>", "libvirt's hooks (default: /etc/libvirt/hooks)");
}

function unreachableOption(): Option {
  return new Option("--unreachable <answer>", "the answer where Casemate cannot be reached")
    .choices(["deny", "permit"])
    .default("deny");
}

/** Why it may not be; undefined where it may. */
async function judge(
  action: string,
  { data, unreachable }: RunOptions,
  { environment }: Context,
): Promise<string | undefined> {
  try {
    const { uuid, name, labels, nics } = describeDomain(readDefinition());
    const networks = nics.flatMap(({ source }) =>
      source.kind === "network" ? [source.network] : [],
    );
    const client = await openClient(environment, { data });
    const patience = AbortSignal.timeout(PATIENCE);
    const launch = { action, uuid, name, labels, networks };
    const { permitted, because } = await client.post("/api/v1/hook", launch, patience);
    return permitted === true ? undefined : String(because);
  } catch (thrown) {
    const { code, message } = toCasemateError(thrown);
    const reached = code !== "api/unreachable" && code !== "cancelled";
    return unreachable === "permit" && !reached ? undefined : message;
  }
}

/** The definition that libvirt writes to the hook's standard input. */
function readDefinition(): string {
  const xml = readFileSync(0, "utf8");
  if (xml.length > 0 && xml.length <= 4_096 * KiB) return xml;
  throw new CasemateError(
    "usage",
    `Cannot read the VM's definition: it has ${xml.length} characters, expected what libvirt writes.`,
  );
}
