import { inspectableView, runningViews } from "@casemate/agent";

/** The classes of data that a VM's memory is looked at for, to tell what of its disks runs. */
export const memoryClasses: readonly string[] = [
  ...new Set(runningViews.flatMap((view) => inspectableView({ view }).needs)),
];

/** The actions that who looks needs to be permitted, and who sees what was found. */
export const memoryActions: readonly string[] = memoryClasses.map((each) => `vm.inspect.${each}`);
