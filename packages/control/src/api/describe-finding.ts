import type { Principal } from "../accounts/principal.ts";
import type { Services } from "../services.ts";
import type { VmResource } from "../spine/gate.ts";
import type { Finding } from "../watch/findings/finding.ts";
import type { FindingList } from "./contract/finding.ts";
import { showFinding } from "./show-finding.ts";

/**
 * The finding as the API shows it.
 *
 * @param reader from whom evidence is withheld that was found in data that they may not look at
 * @param resource the VM as it is now
 */
export function describeFinding(
  finding: Finding,
  reader: Principal,
  resource: VmResource,
  { gate }: Pick<Services, "gate">,
): FindingList["items"][number] {
  const { needs } = finding;
  const actions = needs.map((each) => `vm.inspect.${each}`);
  const mayLook = gate.decide({ principal: reader, actions, resource }).kind === "permitted";
  return showFinding(finding, mayLook ? undefined : `It was found in ${needs.join(", ")}.`);
}
