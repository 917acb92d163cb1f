/** What an action can be done to. */
export type ResourceKind = "vm" | "host" | "account" | "request" | "system";

/** The Cedar entity type of each kind of resource. */
export const entityTypes: Readonly<Record<ResourceKind, string>> = {
  vm: "VM",
  host: "Host",
  account: "Account",
  request: "Request",
  system: "System",
};

/** A name under which policies speak of several actions. */
export interface ActionGroup {
  readonly id: string;
  readonly summary: string;
  /** Groups this one is part of. */
  readonly in: readonly string[];
}

export interface Action {
  readonly id: string;
  readonly summary: string;
  /** Groups this one is directly part of. */
  readonly in: readonly string[];
  readonly on: readonly ResourceKind[];
}

/** Every group of actions. */
export const actionGroups: readonly ActionGroup[] = [
  { id: "read", summary: "see what Casemate knows", in: [] },
  { id: "look", summary: "see what a guest holds", in: [] },
  { id: "disclose", summary: "take a guest's own data out of it", in: [] },
  { id: "change", summary: "make anything other than it was", in: [] },
  { id: "operate", summary: "run VMs day by day", in: ["change"] },
  { id: "destroy", summary: "lose a state of a VM", in: ["change"] },
  { id: "launch", summary: "make a guest run", in: [] },
  { id: "contain", summary: "keep a VM from doing harm, without losing its state", in: [] },
  { id: "administer", summary: "change what guards the VMs", in: ["change"] },
  { id: "decide", summary: "judge what another person did or wants to do", in: ["change"] },
  { id: "own", summary: "keep one's own things in order", in: ["change"] },
];

const vm = ["vm"] as const; // a tuple: only VMs

/** Every action that is ever asked of the policy; the Cedar schema declares exactly these. */
export const actions: readonly Action[] = [
  { id: "vm.read", summary: "see VMs and their settings", in: ["read"], on: ["vm", "system"] },
  { id: "vm.define", summary: "define a new VM", in: ["operate"], on: vm },
  { id: "vm.start", summary: "start a VM", in: ["operate", "launch"], on: vm },
  { id: "vm.stop", summary: "ask a guest to shut down", in: ["operate"], on: vm },
  { id: "vm.kill", summary: "stop a VM by force", in: ["operate"], on: vm },
  { id: "vm.reset", summary: "reset a VM by force", in: ["operate"], on: vm },
  { id: "vm.pause", summary: "pause a VM", in: ["operate", "contain"], on: vm },
  { id: "vm.resume", summary: "resume a paused VM", in: ["operate", "launch"], on: vm },
  { id: "vm.snapshot", summary: "save a state of a VM", in: ["operate", "contain"], on: vm },
  { id: "vm.snapshot.delete", summary: "delete a saved state", in: ["destroy"], on: vm },
  { id: "vm.restore", summary: "go back to a saved state", in: ["destroy"], on: vm },
  { id: "vm.clone", summary: "make a new VM from a state", in: ["operate"], on: vm },
  { id: "vm.disk.attach", summary: "attach a disk", in: ["operate"], on: vm },
  { id: "vm.disk.detach", summary: "detach a disk", in: ["operate"], on: vm },
  { id: "vm.nic.attach", summary: "attach a network interface", in: ["operate"], on: vm },
  {
    id: "vm.nic.detach",
    summary: "detach a network interface",
    in: ["operate", "contain"],
    on: vm,
  },
  { id: "vm.isolate", summary: "take a VM off the network", in: ["operate", "contain"], on: vm },
  { id: "vm.release", summary: "give an isolated VM its network back", in: ["operate"], on: vm },
  { id: "vm.process.kill", summary: "end one process of a guest", in: ["operate"], on: vm },
  {
    id: "vm.process.freeze",
    summary: "make one process of a guest stand still",
    in: ["operate", "contain"],
    on: vm,
  },
  { id: "vm.process.thaw", summary: "have one process of a guest go on", in: ["operate"], on: vm },
  {
    id: "vm.process.cut",
    summary: "take one process of a guest off the network",
    in: ["operate", "contain"],
    on: vm,
  },
  {
    id: "vm.process.rejoin",
    summary: "give one process of a guest its network back",
    in: ["operate"],
    on: vm,
  },
  { id: "vm.media.change", summary: "insert or eject a medium", in: ["operate"], on: vm },
  { id: "vm.resize", summary: "change CPUs and memory", in: ["operate"], on: vm },
  { id: "vm.rename", summary: "rename a VM", in: ["operate"], on: vm },
  { id: "vm.delete", summary: "delete a VM", in: ["destroy"], on: vm },
  { id: "vm.export", summary: "export a VM", in: ["operate", "disclose"], on: vm },
  { id: "vm.import", summary: "import a VM", in: ["operate"], on: vm },
  { id: "vm.console", summary: "use a VM's console", in: ["operate"], on: vm },
  { id: "vm.label", summary: "change the labels of a VM", in: ["administer"], on: vm },
  {
    id: "vm.inspect.kernelMetadata",
    summary: "look at a guest's kernel structures",
    in: ["look"],
    on: vm,
  },
  { id: "vm.inspect.kernelText", summary: "look at a guest's kernel code", in: ["look"], on: vm },
  {
    id: "vm.inspect.userMemory",
    summary: "read the memory of a guest's processes",
    in: ["look", "disclose"],
    on: vm,
  },
  {
    id: "vm.inspect.fileContents",
    summary: "read the contents of a guest's files",
    in: ["look", "disclose"],
    on: vm,
  },
  { id: "vm.scan", summary: "look at what is on a VM's disks", in: ["look"], on: vm },
  {
    id: "vm.inspect.pause",
    summary: "pause a VM to look at it",
    in: ["operate", "contain"],
    on: vm,
  },
  { id: "vm.inspect.agent", summary: "ask the agent in a guest", in: ["operate"], on: vm },
  {
    id: "vm.evidence.save",
    summary: "save evidence of what runs in a VM",
    in: ["look"],
    on: vm,
  },
  {
    id: "vm.evidence.memory",
    summary: "save the whole RAM of a VM as evidence",
    in: ["look", "disclose"],
    on: vm,
  },
  { id: "finding.read", summary: "see what was found on VMs", in: ["read"], on: vm },
  {
    id: "finding.acknowledge",
    summary: "say that a finding is known, for a while",
    in: ["change"],
    on: vm,
  },
  { id: "finding.close", summary: "say that a finding is dealt with", in: ["change"], on: vm },
  { id: "evidence.read", summary: "read evidence that was saved", in: ["look"], on: vm },
  {
    id: "evidence.delete",
    summary: "delete evidence that was saved",
    in: ["destroy"],
    on: ["system"],
  },
  {
    id: "host.read",
    summary: "see hosts and what they can do",
    in: ["read"],
    on: ["host", "system"],
  },
  { id: "system.read", summary: "see metrics and events", in: ["read"], on: ["system"] },
  { id: "account.read", summary: "see accounts", in: ["read"], on: ["account", "system"] },
  {
    id: "account.manage",
    summary: "make, change and disable accounts",
    in: ["administer"],
    on: ["account", "system"],
  },
  {
    id: "account.establish",
    summary: "hand out roles while no security officer has ever logged in",
    in: ["administer"],
    on: ["account", "system"],
  },
  {
    id: "account.appoint",
    summary: "hand out roles, or the means to log in to an account that has some",
    in: ["administer"],
    on: ["account", "system"],
  },
  { id: "token.manage", summary: "make and revoke API tokens", in: ["own"], on: ["account"] },
  { id: "policy.read", summary: "see the policies", in: ["read"], on: ["system"] },
  { id: "policy.change", summary: "load other policies", in: ["administer"], on: ["system"] },
  { id: "rules.change", summary: "load other rules", in: ["administer"], on: ["system"] },
  { id: "ledger.read", summary: "read the ledger and its proofs", in: ["read"], on: ["system"] },
  { id: "ledger.redact", summary: "remove a sealed body", in: ["administer"], on: ["system"] },
  { id: "ledger.rotate", summary: "change the signing key", in: ["administer"], on: ["system"] },
  { id: "request.read", summary: "see requests", in: ["read"], on: ["request", "system"] },
  {
    id: "request.approve",
    summary: "approve or reject a request",
    in: ["decide"],
    on: ["request"],
  },
  { id: "request.cancel", summary: "withdraw a request", in: ["own"], on: ["request"] },
  {
    id: "protection.disable",
    summary: "switch a protection off",
    in: ["administer"],
    on: ["vm", "host", "system"],
  },
  {
    id: "breakglass.seal",
    summary: "make the sealed code that breaks the glass",
    in: ["administer"],
    on: ["system"],
  },
  {
    id: "breakglass.use",
    summary: "break the glass: act without approval in an emergency",
    in: ["change"],
    on: ["system"],
  },
  {
    id: "breakglass.review",
    summary: "review what was done behind broken glass",
    in: ["decide"],
    on: ["system"],
  },
  { id: "libvirt.start", summary: "let libvirt start a VM", in: ["launch"], on: vm },
  { id: "libvirt.receive", summary: "let libvirt receive a migrating VM", in: ["launch"], on: vm },
];

const ids = new Set(actions.map(({ id }) => id));

/** Whether `id` is an action; the name of a group is none. */
export function isAction(id: string): boolean {
  return ids.has(id);
}

const parentsOf = new Map([...actionGroups, ...actions].map((each) => [each.id, each.in]));

/** The action or group itself and every group it is part of, near ones first. */
export function walkGroups(id: string): readonly string[] {
  const found = new Set([id]);
  // A set grows while it is walked: parents of parents follow, each once.
  for (const each of found) for (const parent of parentsOf.get(each) ?? []) found.add(parent);
  return [...found];
}
