import type { PolicyFile } from "../src/index.ts";

/** Things a site's rules are about, in turn. */
const actions = [
  `action == Action::"vm.start"`,
  `action in [Action::"vm.stop", Action::"vm.kill"]`,
  `action == Action::"vm.snapshot"`,
  `action == Action::"vm.clone"`,
  `action in Action::"look"`,
  `action == Action::"vm.disk.attach"`,
  `action in Action::"destroy"`,
  `action == Action::"vm.console"`,
  `action == Action::"vm.nic.attach"`,
  `action in Action::"operate"`,
];
const principals = [
  `principal in Role::"operator"`,
  `principal in Role::"security-officer"`,
  "principal",
];

/**
 * A file of `count` rules as a site would write them: each for an action or a group, most for one role, all for
 * one team's VMs, with a condition on name, network or plan; every fifth is a duty.
 */
export function buildSiteRules(count: number): PolicyFile {
  const rules = Array.from({ length: count }, (_, index) => {
    const scope = `${principals[index % 3]}, ${actions[index % actions.length]}, resource in Label::"team${index % 50}"`;
    if (index % 5 === 4) {
      return `@id("site-${index}") @duty("approval") @by("security-officer") @expires("1h") @reason("rule ${index}")
forbid (${scope}) when { resource.name like "db${index}-*" } unless { context.approvals["security-officer"] >= 1 };`;
    }
    return `@id("site-${index}") @reason("rule ${index}")
permit (${scope}) when { resource.name like "web${index}-*" || (context has plan && context.plan.diskBytes < ${index}) };`;
  });
  return { name: "site.cedar", text: rules.join("\n\n") };
}
