import {
  chosenDetectors,
  type GuestPages,
  type GuestSweep,
  type HostAgent,
  inspectableView,
  mostPages,
  pageClasses,
  type ViewTable,
} from "@casemate/agent";
import { type CasemateError, milliseconds, toCasemateError } from "@casemate/core";
import {
  type Allowances,
  type Consistency,
  type DataClass,
  type Evidence,
  views,
} from "@casemate/inspect";
import { usualDetectors } from "@casemate/inspect/detectors";
import { asDocument } from "../../api/contract/document.ts";
import { showCheck } from "../../api/show-check.ts";
import { showFinding } from "../../api/show-finding.ts";
import { showView } from "../../api/show-view.ts";
import type { VmResource } from "../../spine/gate.ts";
import type { Finding } from "../findings/finding.ts";
import type { Findings } from "../findings/findings.ts";
import { formatDocument } from "./format-document.ts";
import { leastConsistent } from "./least-consistent.ts";
import type { EvidenceManifest } from "./manifest.ts";

/** Of what evidence is collected, and how much of it. */
export interface EvidenceScope {
  readonly vm: VmResource;
  readonly host: HostAgent;
  /** What of the guest may be read. */
  readonly classes: readonly DataClass[];
  /** The ids of the findings that it is about; undefined: all that are not closed. */
  readonly findings: readonly string[] | undefined;
  readonly allowances: Allowances;
}

/** What was collected. */
export interface CollectedEvidence
  extends Pick<EvidenceManifest, "kernel" | "consistency" | "missed"> {
  readonly findings: readonly Finding[];
}

/** Takes a file of the evidence. */
export type PutFile = (name: string, bytes: Uint8Array) => Promise<void>;

/** How long each look may take. */
const budget = milliseconds(5_000);
/** Addresses of the kernel's are in the upper half. */
const KERNEL_HALF = 1n << 63n;

/** The views that evidence has of a guest of which `classes` may be read: those that need no argument. */
export function evidenceViews(classes: readonly DataClass[]): readonly string[] {
  return views
    .filter(({ needs }) => needs.every((need) => classes.includes(need)))
    .map(({ id }) => id)
    .filter(takesNoArgument);
}

/** The detectors that sweep for evidence of a guest of which `classes` may be read. */
export function evidenceDetectors(classes: readonly DataClass[]): readonly string[] {
  return usualDetectors
    .filter(({ needs }) => needs.every((need: DataClass) => classes.includes(need)))
    .map(({ id }) => id);
}

/**
 * Looks at a VM that runs, and puts what is seen into files: its definition, a sweep, the findings, views, and
 * the pages of the kernel that the evidence names. The guest is not touched. What cannot be looked at is missed.
 *
 * Throws `cancelled`, and what `put` and recording findings throw.
 */
export async function collectEvidence(
  scope: EvidenceScope,
  findings: Findings,
  put: PutFile,
  progress: (fraction: number, doing: string) => void,
  signal: AbortSignal,
): Promise<CollectedEvidence> {
  const { vm, host, classes } = scope;
  const missed: { readonly what: string; readonly reason: string }[] = [];
  const seen: Consistency[] = [];
  const attempt = async <Value>(what: string, look: Promise<Value>): Promise<Value | undefined> => {
    try {
      return await look;
    } catch (thrown) {
      signal.throwIfAborted();
      const error: CasemateError = toCasemateError(thrown);
      if (error.code === "cancelled") throw error;
      missed.push({ what, reason: error.message });
      return undefined;
    }
  };

  const { domains } = host.hypervisor;
  const xml = await attempt("the definition", domains.definition(vm.uuid, "live", signal));
  if (xml !== undefined) await put("vm.xml", Buffer.from(xml));

  progress(0.05, "sweeping");
  const swept = await attempt("the sweep", sweep(scope, signal));
  if (swept !== undefined) {
    seen.push(...swept.verdicts.map(({ consistency }) => consistency));
    await put("verdict.json", formatDocument(showCheck(swept)));
    await findings.observe({ vm, verdicts: swept.verdicts, at: swept.takenAt });
  }
  const about = await findFindings(scope, findings);
  const shown = about.map((finding) => showFinding(finding, withheld(finding, classes)));
  const list = asDocument("FindingList", { items: shown, total: shown.length });
  await put("findings.json", formatDocument(list));

  let kernel: CollectedEvidence["kernel"] = null;
  const ids = evidenceViews(classes);
  for (const [index, view] of ids.entries()) {
    progress(0.3 + (0.5 * index) / ids.length, `looking at ${view}`);
    const table = await attempt(
      `the view ${view}`,
      host.inspect(vm.uuid, { view, budget }, signal),
    );
    if (table === undefined) continue;
    seen.push(table.consistency);
    if (view === "kernel") kernel = describeKernel(table);
    await put(`views/${view}.json`, formatDocument(showView(table)));
  }

  progress(0.8, "reading the memory that the evidence names");
  const addresses = namedPages([
    ...shown.flatMap(({ evidence }) => evidence),
    ...(swept?.verdicts ?? []).flatMap(({ suspicions }) =>
      suspicions.flatMap(({ evidence }) => evidence),
    ),
  ]);
  const some = addresses.slice(0, mostPages);
  if (some.length < addresses.length) {
    const reason = `The evidence names ${addresses.length}, of which ${mostPages} are read.`;
    missed.push({ what: "pages of memory", reason });
  }
  if (some.length > 0) {
    const request = { addresses: some, budget };
    const read = await attempt("pages of memory", host.readPages(vm.uuid, request, signal));
    if (read !== undefined) {
      seen.push(read.consistency);
      missed.push(...read.missed);
      await putPages(read, put);
    }
  }
  const consistency = leastConsistent(seen);
  return { kernel, consistency, missed: missed.map(tidy), findings: about };
}

async function sweep(
  { vm, host, classes, allowances }: EvidenceScope,
  signal: AbortSignal,
): Promise<GuestSweep> {
  const detectors = chosenDetectors(evidenceDetectors(classes)).map(({ id }) => id);
  const request = { detectors, classes, budget, allowances, withDisks: true };
  return await host.sweep(vm.uuid, request, signal);
}

async function findFindings(
  { vm, findings: ids }: EvidenceScope,
  findings: Findings,
): Promise<readonly Finding[]> {
  if (ids !== undefined) return await Promise.all(ids.map((id) => findings.get(id)));
  return await findings.list({ vm: vm.uuid, states: ["open", "acknowledged"] });
}

/** Why a finding's evidence is not shown; undefined where it is of what was read. */
function withheld({ needs }: Finding, classes: readonly DataClass[]): string | undefined {
  if (needs.every((need) => classes.includes(need))) return undefined;
  return `It was found in ${needs.join(", ")}.`;
}

/** The pages of the kernel's memory that evidence names, each by the address of its first byte. */
function namedPages(evidence: readonly Pick<Evidence, "address">[]): readonly string[] {
  const pages = evidence.flatMap(({ address = "" }) => {
    if (!/^0x[0-9a-f]{1,16}$/.test(address) || BigInt(address) < KERNEL_HALF) return [];
    return [`0x${(BigInt(address) & ~0xfffn).toString(16)}`];
  });
  return [...new Set(pages)];
}

async function putPages({ pages, takenAt, consistency, missed }: GuestPages, put: PutFile) {
  const items = pages.map(({ base64: _, ...page }) => ({ file: fileOf(page), ...page }));
  const index = {
    takenAt: takenAt.toISOString(),
    classes: pageClasses,
    consistency,
    items,
    missed,
  };
  await put("memory/pages.json", formatDocument(asDocument("GuestPages", index)));
  for (const page of pages) await put(fileOf(page), Buffer.from(page.base64, "base64"));
}

function fileOf({ address }: { readonly address: string }): string {
  return `memory/${address.slice(2)}.bin`;
}

function describeKernel({ items: [row] }: ViewTable): CollectedEvidence["kernel"] {
  const { release, buildId } = row ?? {};
  if (typeof release !== "string") return null;
  return {
    release: release.toWellFormed(),
    buildId: typeof buildId === "string" ? buildId.toWellFormed() : null,
  };
}

/** HOSTILE: half a surrogate pair has no place in canonical JSON. */
function tidy({ what, reason }: { readonly what: string; readonly reason: string }) {
  return { what: what.toWellFormed(), reason: reason.toWellFormed() };
}

function takesNoArgument(view: string): boolean {
  try {
    inspectableView({ view });
    return true;
  } catch (thrown) {
    if (toCasemateError(thrown).code === "usage") return false;
    throw thrown;
  }
}
