import { CasemateError } from "@casemate/core";
import type { DomainNic } from "@casemate/host";
import type { DomainDescription } from "../hypervisor/domain-control.ts";

/** Names of devices that are names of chains too. HOSTILE: a definition's author may choose them. */
const plainName = /^[A-Za-z0-9_.-]{1,15}$/;

/** Types of interfaces, beside networks and bridges, that have a device at the host. */
const withDevice = ["direct", "ethernet"];

/** The host's device that an interface's packets pass; undefined where there is none of use. */
export function tapOf({ source, tap }: DomainNic): string | undefined {
  if (tap === undefined || !plainName.test(tap)) return undefined;
  return source.kind !== "other" || withDevice.includes(source.type) ? tap : undefined;
}

/** Every device of the host that a running VM's packets pass. Throws `vm/not-running`, `device/unknown`. */
export function findTaps({ name, runId, state, nics }: DomainDescription): string[] {
  if (runId === undefined) {
    throw new CasemateError(
      "vm/not-running",
      `Cannot keep ${name} off the network: it is ${state}, expected it to run.`,
      { next: "While it does not run it has no network; start it only once it may have it." },
    );
  }
  return nics.map((nic) => {
    const tap = tapOf(nic);
    if (tap !== undefined) return tap;
    const type = nic.source.kind === "other" ? nic.source.type : nic.source.kind;
    throw new CasemateError(
      "device/unknown",
      `Cannot keep ${name} off the network: its interface ${nic.mac} is of type ${type} and has no tap device on the host, expected one.`,
      { next: "Take that interface from it with `casemate vm nic-detach`, or pause the VM." },
    );
  });
}
