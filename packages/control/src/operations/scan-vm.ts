import { milliseconds } from "@casemate/core";
import type { SectionName, YaraRuleFile } from "@casemate/scan";
import { inventorySections } from "@casemate/scan/inventory";
import { Type } from "typebox";
import { defaultScanBudgetMs, ScanOrder } from "../api/contract/scan.ts";
import { YaraRulesDigest } from "../api/contract/yara-rules.ts";
import { memoryActions, memoryClasses } from "../scans/memory-classes.ts";
import type { ScannedStates } from "../scans/scanned-states.ts";
import { vmResource } from "../spine/gate.ts";
import { defineOperation, type Operation } from "../spine/operation.ts";
import { findSnapshot } from "./parts/find-snapshot.ts";
import { refused } from "./parts/refused.ts";
import { seeAnswer } from "./parts/see-answer.ts";
import { readVm } from "./vm-facts.ts";

/**
 * What is scanned for unless it is told: names, versions and settings of a system. Every other section gives
 * what stands in its guest's files, and needs the right to that.
 */
const plain: ReadonlySet<SectionName> = new Set<SectionName>([
  "packages",
  "kernels",
  "kernelModules",
  "identifiers",
  "users",
  "groups",
  "sshHostKeys",
  "authorizedKeys",
  "certificates",
  "privilegedFiles",
  "containerImages",
]);

function chosen(only: readonly string[] | undefined): readonly SectionName[] {
  return inventorySections.filter((name) => only?.includes(name) ?? plain.has(name));
}

/** What a scan's requester hands over with it; its parameters tell that it was, and of rules which. */
export interface ScanGiven {
  readonly rules?: readonly YaraRuleFile[] | undefined;
  /** Opens what is encrypted with LUKS. */
  readonly passphrase?: Uint8Array | undefined;
}

/**
 * Looks at a VM's disks, or at one of its snapshots: its answer is the scan.
 *
 * @param salt what fingerprints of secrets are salted with in this installation
 */
export const scanVm = (states: ScannedStates, salt: () => Promise<Uint8Array>): Operation =>
  defineOperation({
    id: "vm.scan",
    summary: "Look at what is on a VM's disks",
    on: "vm",
    attended: true,
    shared: true,
    parameters: Type.Object(
      {
        ...ScanOrder,
        rules: Type.Optional(YaraRulesDigest),
        withPassphrase: Type.Optional(
          Type.Boolean({
            description: "Whether a passphrase is handed over for what is encrypted.",
          }),
        ),
      },
      { additionalProperties: false },
    ),
    needs({ only, running = false }) {
      const discloses = chosen(only).some((name) => !plain.has(name));
      return [
        "vm.scan",
        ...(discloses ? ["vm.inspect.fileContents"] : []),
        ...(running ? memoryActions : []),
      ];
    },
    async plan({ host, target, parameters }, signal) {
      const { snapshot, running = false, budget = defaultScanBudgetMs } = parameters;
      const { rules, everyFile = false, withPassphrase = false } = parameters;
      const vm = await readVm(host, target, signal);
      const runs = vm.runId !== undefined;
      if (running && (snapshot !== undefined || !runs)) {
        const doing = `hold the disks of ${vm.name} against its memory`;
        const seen = snapshot === undefined ? `it is ${vm.state}` : "a snapshot is of the past";
        throw refused(doing, seen, "the VM as it runs", "Leave out what runs.");
      }
      const of = snapshot === undefined ? vm.name : `snapshot ${snapshot} of ${vm.name}`;
      if (snapshot !== undefined) {
        await findSnapshot(`scan ${vm.name}`, host, vm.uuid, snapshot, signal);
      } else if (runs && !(await host.hypervisor.facts(signal)).backup) {
        const needed = "libvirt 7.2 or newer with QEMU, for a view of one moment";
        throw refused(`scan ${vm.name}`, "it runs", needed, "Stop it, or scan a snapshot.");
      }
      const only = chosen(parameters.only);
      if (rules === undefined && (everyFile || only.includes("malware"))) {
        throw refused(`look for malware on ${vm.name}`, "no rules are given", "some of YARA");
      }
      const isView = runs && snapshot === undefined;
      return {
        steps: [
          ...(isView ? [`Begin a view of the disks of ${vm.name} as they are then.`] : []),
          ...(running
            ? [`Read from the memory of ${vm.name} what of them runs: ${memoryClasses.join(", ")}.`]
            : []),
          ...(withPassphrase
            ? ["Open what is encrypted there with a passphrase that is not kept."]
            : []),
          `Read from the disks of ${of}: ${only.join(", ")}.`,
          ...(rules === undefined
            ? []
            : [
                `Put ${everyFile ? "all files" : "programs and scripts"} there to the YARA rules with SHA-256 ${rules}.`,
              ]),
          ...(isView ? ["End the view; the guest is not touched."] : []),
          "Keep which packages are installed there.",
        ],
        effects: [
          { kind: "vm", id: vm.uuid, change: "read" },
          ...(running ? [{ kind: "memory" as const, id: vm.uuid, change: "read" as const }] : []), // literals
        ],
        irreversible: [],
        destroysState: false,
        downtime: false,
        diskBytes: 0,
        details: {
          uuid: vm.uuid,
          runId: vm.runId ?? null,
          snapshot: snapshot ?? null,
          running,
          only: [...only],
          rules: rules ?? null,
          everyFile,
          withPassphrase,
          budget,
        },
      };
    },
    async execute({ host, plan: { details }, given }, signal) {
      const { uuid, snapshot, running, only, everyFile, budget } = details;
      const { rules, passphrase } = given as ScanGiven; // the route for scans gives it, and nobody else asks
      const vm = await host.hypervisor.domains.find(uuid, signal);
      const request = {
        snapshot: snapshot ?? undefined,
        running,
        only: chosen(only),
        ...{ rules, everyFile, passphrase, salt: await salt() },
        budget: milliseconds(budget),
      };
      const scan = await host.scan(uuid, request, signal);
      await states.keep(vmResource(vm, host), scan);
      return scan;
    },
    look: seeAnswer,
  });
