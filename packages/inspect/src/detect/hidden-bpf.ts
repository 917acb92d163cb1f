import { formatAddress, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { type BpfKind, type BpfObject, takeBpfCensus } from "../linux/bpf-census.ts";
import { defineDetector } from "./detector.ts";
import type { Suspicion } from "./suspicion.ts";

const REGISTRIES: Readonly<Record<BpfKind, string>> = {
  program: "prog_idr",
  map: "map_idr",
  link: "link_idr",
};

/** BPF programs, maps and links that are in use and that the registries do not have, which bpftool reads. */
export const hiddenBpf = defineDetector({
  id: "hidden-bpf",
  title: "Hidden BPF programs",
  techniques: ["T1014", "T1564"],
  needs: ["kernelMetadata"],
  cost: "low",
  blindTo: [
    "A program without a symbol that no descriptor and no link has, attached at a place that is not looked at.",
    "What a program does that is there for all to see.",
  ],
  check({ kernel }, inspection) {
    const { registered, used, isComplete } = takeBpfCensus(kernel);
    const describe = describer(kernel);
    for (const object of used) {
      inspection.looked();
      if (!isComplete || registered.has(object.at)) continue;
      const found = kernel.attempt(() => describe(object), `bpf ${object.kind}`, object.at);
      if (found !== undefined) inspection.report(found);
    }
    inspection.looked(registered.size);
  },
});

function describer(kernel: KernelReader): (object: BpfObject) => Suspicion {
  const nameOf = names(kernel);
  return ({ kind, at, foundBy }) => {
    const name = nameOf(kind, at);
    const registry = REGISTRIES[kind];
    return {
      key: `bpf ${kind} ${name}at ${formatAddress(at)}`,
      title: `The BPF ${kind} ${name}is hidden: ${foundBy.join(", ")} leads to it, ${registry} does not`,
      severity: "critical",
      because:
        "The kernel registers every one before anybody can use it, and until nobody does; bpftool shows what is registered.",
      techniques: ["T1014", "T1564"],
      evidence: [
        {
          what: `struct bpf_${kind === "program" ? "prog" : kind}`,
          address: formatAddress(at),
          expected: `in ${registry}`,
          seen: `used by ${foundBy.join(", ")}`,
          path: [...foundBy, formatAddress(at)],
        },
      ],
      remediation:
        "Take a snapshot with memory for evidence, look at what the program is attached to, and restore a state from before it was loaded.",
    };
  };
}

/** Names of objects with a space after them; links have none. HOSTILE. */
function names(kernel: KernelReader): (kind: BpfKind, at: Gva) => string {
  if (!kernel.hasStruct("bpf_prog")) return () => "";
  const program = kernel.struct("bpf_prog").string("aux->name");
  const map = kernel.struct("bpf_map").string("name");
  return (kind, at) => {
    const name = kind === "program" ? program(at) : kind === "map" ? map(at) : "";
    return name === "" ? "" : `${name} `;
  };
}
