import type { SnapshotList, VmWatch } from "@casemate/control";
import { offered } from "@casemate/control/operations";
import { CasemateError, formatBytes } from "@casemate/core";
import type { Command } from "commander";
import { openClient } from "../client/open-client.ts";
import { findVm, type ListedVm, openVmSource } from "../client/vm-source.ts";
import type { Context } from "../context.ts";
import { describeWatch, printDetectors } from "../output/watch.ts";
import { addOperations } from "./vm/add-operations.ts";
import { addConsole } from "./vm/console.ts";

interface SourceOptions {
  readonly connect?: string;
  readonly data?: string;
}

export function configureVm(command: Command, context: Context): void {
  const { output, environment } = context;

  withSource(command.command("list").description("every VM and what it is doing")).action(
    async (options: SourceOptions) => {
      await using source = await openVmSource(environment, options);
      const vms = await source.listVms();
      if (output.json) output.document("VmList", { items: vms });
      else printVms(context, vms);
    },
  );

  withSource(command.command("show <vm>").description("one VM, by name or UUID")).action(
    async (nameOrUuid: string, options: SourceOptions) => {
      await using source = await openVmSource(environment, options);
      const vm = await findVm(source, nameOrUuid);
      const watch = options.connect === undefined ? await readWatch(vm, options) : undefined;
      if (output.json) {
        output.document("Vm", { ...vm, ...(watch === undefined ? {} : { watch }) });
        return;
      }
      const rows = [...describe(vm), ...(watch === undefined ? [] : describeWatch(watch))];
      output.table([{ title: "FIELD" }, { title: "VALUE" }], rows);
      if (watch?.watched === true) printDetectors(watch, output);
    },
  );
  command
    .command("snapshots <vm>")
    .description("the saved states of a VM, and which of them are known clean")
    .option("--data <dir>", "the data directory of the control plane to ask")
    .option("--json", "print JSON")
    .action(async (vm: string, options: SourceOptions) => {
      const client = await openClient(environment, options);
      const list = await client.get(`/api/v1/vms/${encodeURIComponent(vm)}/snapshots`);
      const { items } = list as unknown as SnapshotList; // our own control plane answered
      if (output.json) output.document("SnapshotList", { items });
      else printSnapshots(items, output);
    });
  command
    .command("sweep <vm>")
    .description("have the watch sweep a VM now, with all that it may read")
    .option("--data <dir>", "the data directory of the control plane to ask")
    .option("--json", "print JSON")
    .action(async (vm: string, options: SourceOptions) => {
      const client = await openClient(environment, options);
      const swept = await client.post(`/api/v1/vms/${encodeURIComponent(vm)}/watch/sweep`, {});
      const watch = swept as unknown as VmWatch; // our own control plane answered
      if (output.json) output.document("VmWatch", watch);
      else output.table([{ title: "FIELD" }, { title: "VALUE" }], describeWatch(watch));
    });

  /** How the watch over it stands, where this user may know. */
  const readWatch = async ({ uuid }: ListedVm, options: SourceOptions) => {
    const client = await openClient(environment, options);
    try {
      const watch = await client.get(`/api/v1/vms/${uuid}/watch`);
      return watch as unknown as VmWatch; // our own control plane answered
    } catch (thrown) {
      if (thrown instanceof CasemateError && thrown.code === "auth/denied") return undefined;
      throw thrown;
    }
  };
  addOperations(command, offered, context);
  addConsole(command, context);
}

function printSnapshots(items: SnapshotList["items"], output: Context["output"]): void {
  output.table(
    [{ title: "SNAPSHOT" }, { title: "AT" }, { title: "VM" }, { title: "KNOWN CLEAN" }],
    items.map(({ name, createdAt, state, current, clean }) => [
      current ? `${name} (current)` : name,
      createdAt,
      state,
      describeClean(clean),
    ]),
  );
}

function describeClean(clean: SnapshotList["items"][number]["clean"]): string {
  if (clean === undefined) return "-";
  const { knownAt, looked, total, doubtedBy } = clean;
  if (doubtedBy !== undefined) return `not since finding ${doubtedBy.slice(0, 12)}`;
  return `since ${knownAt}, by ${looked} of ${total} checks`;
}

/** The VMs as a table for people. */
export function printVms({ output }: Context, vms: readonly ListedVm[]): void {
  output.table(
    [
      { title: "NAME" },
      { title: "STATE" },
      { title: "CPUS", align: "right" },
      { title: "MEMORY", align: "right" },
      { title: "UUID" },
    ],
    vms.map(({ name, state, vcpus, memoryBytes, uuid }) => [
      name,
      state,
      String(vcpus),
      formatBytes(memoryBytes),
      uuid,
    ]),
  );
}

function describe(vm: ListedVm): string[][] {
  return Object.entries(vm).map(([key, value]) => [
    key,
    key === "memoryBytes" ? `${value} (${formatBytes(Number(value))})` : String(value),
  ]);
}

function withSource(command: Command): Command {
  return command
    .option("--connect <uri>", "ask this libvirt itself, without a control plane")
    .option("--data <dir>", "the data directory of the control plane to ask")
    .option("--json", "print JSON");
}
