import type { Section, Sections } from "../section.ts";
import { type KernelState, kernelStates } from "./kernel-states.ts";
import { type OutdatedProgram, outdatedPrograms } from "./outdated-programs.ts";
import type { PackageUse } from "./package-use.ts";
import { packageUses } from "./package-uses.ts";
import type { Endpoint, ProcessEvidence } from "./process-evidence.ts";
import type { RunningMemory } from "./running-memory.ts";

/** What a system's disks and its memory say together. */
export interface RunningRows {
  readonly kernelStates: KernelState;
  readonly outdatedPrograms: OutdatedProgram;
  readonly packageUses: PackageUse;
}

/** What of the disks runs, by `memory` of the same system. */
export function runningSections(memory: RunningMemory): Sections<RunningRows> {
  return {
    kernelStates: {
      title: "the kernel that runs",
      columns: [
        { title: "RUNNING", text: ({ release }) => release },
        { title: "NEXT", text: ({ next }) => next?.release ?? "-" },
        { title: "REBOOT", text: ({ reboot }) => reboot },
        { title: "REASON", text: ({ reason }) => reason },
      ],
      collectors: [kernelStates(memory)],
    },
    outdatedPrograms: {
      title: "processes that need a restart",
      key: ({ pid, path }) => `${pid} ${path}`,
      columns: [
        { title: "PID", align: "right", text: ({ pid }) => `${pid}` },
        { title: "NAME", text: nameOf },
        { title: "PATH", text: ({ path }) => path },
        { title: "NOW", text: ({ now }) => now },
        { title: "PACKAGE", text: (row) => row.package ?? "-" },
        { title: "LISTENING", text: listeningOf },
      ],
      collectors: [outdatedPrograms(memory)],
    },
    packageUses: packageUsesSection(memory),
  };
}

function packageUsesSection(memory: RunningMemory): Section<PackageUse> {
  return {
    title: "packages in memory",
    isLong: true,
    key: ({ type, package: name }) => `${type} ${name}`,
    columns: [
      { title: "PACKAGE", text: (row) => row.package },
      { title: "STATE", text: ({ state }) => state },
      { title: "EVIDENCE", text: evidenceOf },
    ],
    surveys: [packageUses(memory)],
  };
}

/** What stands behind the word, for people. */
function evidenceOf(use: PackageUse): string {
  switch (use.state) {
    case "mapped": {
      const [first] = use.processes;
      const more = use.count > 1 ? ` and ${use.count - 1} more` : "";
      const at = listeningOf(first);
      return `${nameOf(first)} (${first.pid})${at === "-" ? "" : ` at ${at}`}${more}`;
    }
    case "running-kernel":
      return use.release;
    case "not-loaded":
      return "-";
    case "unknown":
      return use.reason;
  }
}

const nameOf = ({ name }: ProcessEvidence): string => name ?? "-";

function listeningOf({ listening }: ProcessEvidence): string {
  if (listening === undefined) return "unknown";
  return listening.map(formatEndpoint).join(" ") || "-";
}

function formatEndpoint({ protocol, address, port }: Endpoint): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return `${protocol}/${host}${port === null ? "" : `:${port}`}`;
}
