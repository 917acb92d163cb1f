import { type Sections, sectionNames } from "../section.ts";
import type { KernelState } from "./kernel-states.ts";
import type { OutdatedProgram } from "./outdated-programs.ts";
import type { PackageUse } from "./package-use.ts";
import type { Endpoint, ProcessEvidence } from "./process-evidence.ts";

/** What a system's disks and its memory say together. */
export interface RunningRows {
  readonly kernelStates: KernelState;
  readonly outdatedPrograms: OutdatedProgram;
  readonly packageUses: PackageUse;
}

/** How the rows are called and shown, without what finds them. */
export const runningTables: Sections<RunningRows> = {
  kernelStates: {
    title: "the kernel that runs",
    columns: [
      { title: "RUNNING", text: ({ release }) => release },
      { title: "NEXT", text: ({ next }) => next?.release ?? "-" },
      { title: "REBOOT", text: ({ reboot }) => reboot },
      { title: "REASON", text: ({ reason }) => reason },
    ],
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
  },
  packageUses: {
    title: "packages in memory",
    isLong: true,
    count: countUses,
    key: ({ type, package: name }) => `${type} ${name}`,
    columns: [
      { title: "PACKAGE", text: (row) => row.package },
      { title: "STATE", text: ({ state }) => state },
      { title: "EVIDENCE", text: evidenceOf },
    ],
  },
};

/** In the order people see them. */
export const runningSectionNames: readonly (keyof RunningRows)[] = sectionNames(runningTables);

/** Most rows are of packages that nothing runs. */
function countUses(uses: readonly PackageUse[]): string {
  const isUsed = ({ state }: PackageUse) => state === "mapped" || state === "running-kernel";
  const listening = uses.filter(
    (use) => use.state === "mapped" && use.processes.some((each) => each.listening?.length),
  );
  const unknown = uses.filter(({ state }) => state === "unknown").length;
  return [
    `${uses.filter(isUsed).length} of ${uses.length}`,
    `${listening.length} in processes that listen`,
    ...(unknown === 0 ? [] : [`${unknown} not known`]),
  ].join(", ");
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

function nameOf({ name }: ProcessEvidence): string {
  return name ?? "-";
}

function listeningOf({ listening }: ProcessEvidence): string {
  if (listening === undefined) return "unknown";
  return listening.map(formatEndpoint).join(" ") || "-";
}

function formatEndpoint({ protocol, address, port }: Endpoint): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return `${protocol}/${host}${port === null ? "" : `:${port}`}`;
}
