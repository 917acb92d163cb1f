import { formatAddress, gpa } from "@casemate/core";
import { type KernelCode, parseKernelCode, toCodeAddress } from "@casemate/formats/kernel-code";
import type { Access } from "../kernel/data-class.ts";
import { type MovedPage, walkMovedPages } from "../linux/walk-moved-pages.ts";
import { checkAgainstPeers } from "./code/check-against-peers.ts";
import { CodePlaces } from "./code/code-places.ts";
import { describeDeviations, REMEDIATION } from "./code/describe-deviations.ts";
import { describeStrayCall } from "./code/describe-stray-call.ts";
import type { CodeCopy } from "./code/fit-code.ts";
import { KernelState } from "./code/kernel-state.ts";
import { kernelTables, liveSites } from "./code/live-sites.ts";
import { loadKernelCode } from "./code/load-kernel-code.ts";
import { WatchedCode } from "./code/watched-code.ts";
import { defineDetector, type Inspection } from "./detector.ts";
import type { Suspicion } from "./suspicion.ts";

type Reads = Access<"kernelMetadata" | "kernelText">;

const PAGE = 4096;

/**
 * The kernel's code, byte by byte, against the kernel on the guest's own disk as it patches itself; where no disk
 * has it, against other guests of the same build.
 */
export const kernelText = defineDetector({
  id: "kernel-text",
  title: "Code of the kernel",
  techniques: ["T1014", "T1601"],
  needs: ["kernelMetadata", "kernelText"],
  cost: "high",
  blindTo: [
    "Code that was changed in the kernel's file on the disk as well, before it was started.",
    "Functions that the kernel's own data sends elsewhere: system-call tables, registered tracers and probes.",
    "Code that runs outside of the kernel's image: modules, BPF programs, memory that is nobody's.",
    "Code that is changed and changed back between two looks.",
    "Where no disk can be read: a change that most guests of the build have, and constants that the start of a kernel chose.",
  ],
  check({ kernel, text }, inspection) {
    const { start, end } = text.range;
    const length = Number(end - start);
    const pages = Math.ceil(length / PAGE);
    const state = new KernelState(kernel);
    const unknown = state.unknownPatching;
    if (unknown !== undefined) {
      inspection.missed("the kernel's code", unknown, pages);
      return;
    }
    const code = keptCode(state, inspection, length);
    for (const page of walkMovedPages(kernel, start, end)) {
      inspection.report(describeMovedPage(page));
    }
    if (code === undefined) {
      const { release, buildId } = kernel.facts;
      const compared = {
        ...{ what: "the kernel's code", where: "the kernel", count: pages, copyOf: copyText },
        own: copyText({ kernel, text }, state),
        sites: liveSites(state, kernelTables(state), start, end),
      };
      const why = `No disk of the guest that can be read has the kernel ${release} of build-id ${buildId ?? "unknown"}.`;
      checkAgainstPeers(compared, why, inspection);
      return;
    }
    const live = text.view(start, length);
    const deviations = code.check(live, state);
    for (const each of describeDeviations(deviations, code, live, "the kernel", state)) {
      inspection.report(each);
    }
    for (const each of code.strayCalls(state)) inspection.report(describeStrayCall(each, state));
    inspection.looked(pages);
  },
});

function copyText({ kernel, text }: Reads, state: KernelState): CodeCopy {
  const { start, end } = text.range;
  const bytes = new Uint8Array(text.bytes(start, Number(end - start)));
  const at = toCodeAddress(start) ?? 0;
  return { start: at, bytes, state, places: new CodePlaces(kernel) };
}

function describeMovedPage({ address, physical, expected }: MovedPage): Suspicion {
  const at = formatAddress(address);
  return {
    key: `page of the kernel's code at ${at}`,
    title: `The page at ${at} of the kernel's code is mapped to other memory than the kernel was loaded to.`,
    severity: "critical",
    because:
      "Processors run what is mapped; who looks at the kernel's own memory sees the sound code.",
    techniques: ["T1014", "T1601"],
    evidence: [
      {
        what: "page of the kernel's code",
        address: at,
        expected: `guest-physical ${formatAddress(gpa(expected))}`,
        seen: physical === undefined ? "no page" : `guest-physical ${formatAddress(gpa(physical))}`,
        path: ["init_top_pgt"],
      },
    ],
    remediation: REMEDIATION,
  };
}

/** What is compared with, kept for as long as the same kernel runs on the same processors. */
function keptCode(
  state: KernelState,
  { files, kept }: Inspection,
  length: number,
): WatchedCode | undefined {
  const { release, buildId, textBase, physicalBase } = state.kernel.facts;
  const key = `${buildId} ${textBase} ${physicalBase} ${state.features}`;
  const known = kept.get(key);
  if (known instanceof WatchedCode) return known;
  const start = state.symbol("_stext") ?? state.symbol("_text");
  if (buildId === undefined || start === undefined) return undefined;
  // What was parsed is kept for a look that has time for the rest.
  const parsed = `file ${buildId}`;
  let image = kept.get(parsed) as KernelCode | undefined; // nothing else has a key like that
  if (image === undefined) {
    const file = files?.kernel(release, buildId);
    if (file === undefined) return undefined;
    image = parseKernelCode(Buffer.from(file.buffer, file.byteOffset, file.byteLength));
    kept.set(parsed, image);
  }
  const code = new WatchedCode(loadKernelCode(image, state), start, length);
  kept.clear();
  kept.set(key, code);
  return code;
}
