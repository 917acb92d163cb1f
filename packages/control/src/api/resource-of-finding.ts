import { CasemateError } from "@casemate/core";
import type { Services } from "../services.ts";
import { type VmResource, vmResource } from "../spine/gate.ts";
import type { Finding } from "../watch/findings/finding.ts";

/** The VM that a finding, or what was saved of one, is about, as it is now; as it was last told of where it is not there any more. */
export async function resourceOfFinding(
  { hosts }: Pick<Services, "hosts">,
  { vm }: Pick<Finding, "vm">,
  signal?: AbortSignal,
): Promise<VmResource> {
  const host = hosts.get(vm.host);
  if (host?.status().connected !== true) return vm;
  try {
    return vmResource(await host.hypervisor.domains.find(vm.uuid, signal), host);
  } catch (thrown) {
    if (thrown instanceof CasemateError && thrown.code === "vm/unknown") return vm;
    throw thrown;
  }
}
