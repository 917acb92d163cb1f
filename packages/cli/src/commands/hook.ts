import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { Context } from "../context.ts";
import { addHookRun } from "./hook/run.ts";

interface DirectoryOption {
  readonly directory?: string;
}

interface InstallOptions extends DirectoryOption {
  readonly data?: string;
  readonly unreachable: "deny" | "permit";
}

export function configureHook(command: Command, context: Context): void {
  addHookRun(command, context);
  withDirectory(
    command
      .command("install")
      .description("have libvirt ask the policy before a VM starts or arrives"),
  )
    .option("--data <dir>", "the data directory of the control plane to ask")
    .addOption(
      new Option("--unreachable <answer>", "the answer where Casemate cannot be reached")
        .choices(["deny", "permit"])
        .default("deny"),
    )
    .action(async ({ directory, data, unreachable }: InstallOptions) => {
      const program = resolve(import.meta.dirname, "../../../../casemate");
      const from = resolve(data ?? context.environment.dataDirectory);
      const { installHook } = await import("@casemate/host");
      const path = await installHook({
        directory,
        command: [program, "hook", "run", "--data", from, "--"],
        otherwise: unreachable,
      });
      context.output.text(`Installed ${path}.\n`);
      context.output.text(
        "A libvirtd that had no hook when it started must be restarted once; VMs run on.\n",
      );
    });
  withDirectory(command.command("remove").description("have libvirt ask no more")).action(
    async ({ directory }: DirectoryOption) => {
      const { removeHook } = await import("@casemate/host");
      await removeHook(directory);
      context.output.text("Removed.\n");
    },
  );
  withDirectory(command.command("status").description("whether libvirt asks"))
    .option("--json", "print JSON")
    .action(async ({ directory }: DirectoryOption) => {
      const { readHookStatus } = await import("@casemate/host");
      const status = await readHookStatus(directory);
      if (context.output.json) context.output.document("HookStatus", { status: status.kind });
      else context.output.text(`${status.kind}\n`);
    });
}

function withDirectory(command: Command): Command {
  return command.option("--directory <dir>", "libvirt's hooks (default: /etc/libvirt/hooks)");
}
