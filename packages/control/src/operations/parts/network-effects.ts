import type { DomainDescription } from "@casemate/agent";

/** That other VMs of a VM's networks reach it no more, or again. */
export function networkEffects({ nics }: DomainDescription) {
  return nics.flatMap(({ source }) =>
    source.kind === "network"
      ? [{ kind: "network", id: source.network, change: "changed" } as const] // a literal
      : [],
  );
}
