import type { Command } from "commander";
import type { Context } from "./context.ts";

/** A subcommand: what the help says, and the module that is loaded only when it is asked for. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** The function that gives the command its arguments, options and action. */
  load(): Promise<(command: Command, context: Context) => void>;
}

/** Every subcommand, in the order the help shows them. */
export const commands: readonly CommandEntry[] = [
  {
    name: "up",
    summary: "control plane and agent in one process",
    load: async () => (await import("./commands/up.ts")).configureUp,
  },
  {
    name: "doctor",
    summary: "what this host can and cannot do, with the fix",
    load: async () => (await import("./commands/doctor.ts")).configureDoctor,
  },
  {
    name: "vm",
    summary: "the virtual machines that are there",
    load: async () => (await import("./commands/vm.ts")).configureVm,
  },
  {
    name: "inspect",
    summary: "what runs inside a VM or a memory dump, seen from outside",
    load: async () => (await import("./commands/inspect.ts")).configureInspect,
  },
  {
    name: "check",
    summary: "whether a running VM or a memory dump lies",
    load: async () => (await import("./commands/check.ts")).configureCheck,
  },
  {
    name: "scan",
    summary: "what is on a system's disks, without booting or mounting them",
    load: async () => (await import("./commands/scan.ts")).configureScan,
  },
  {
    name: "exposed",
    summary: "known vulnerabilities of every state that was scanned, and since when",
    load: async () => (await import("./commands/exposed.ts")).configureExposed,
  },
  {
    name: "findings",
    summary: "what was found on VMs that a sound one does not have",
    load: async () => (await import("./commands/findings.ts")).configureFindings,
  },
  {
    name: "evidence",
    summary: "save what can be seen of a VM, and verify what was saved",
    load: async () => (await import("./commands/evidence.ts")).configureEvidence,
  },
  {
    name: "advisories",
    summary: "what is known of vulnerabilities",
    load: async () => (await import("./commands/advisories.ts")).configureAdvisories,
  },
  {
    name: "login",
    summary: "begin a session with a control plane",
    load: async () => (await import("./commands/login.ts")).configureLogin,
  },
  {
    name: "logout",
    summary: "end it",
    load: async () => (await import("./commands/logout.ts")).configureLogout,
  },
  {
    name: "account",
    summary: "who may use Casemate, and as what",
    load: async () => (await import("./commands/account.ts")).configureAccount,
  },
  {
    name: "token",
    summary: "tokens for programs that work for you",
    load: async () => (await import("./commands/token.ts")).configureToken,
  },
  {
    name: "requests",
    summary: "what was asked for: show, approve, reject, cancel",
    load: async () => (await import("./commands/requests.ts")).configureRequests,
  },
  {
    name: "break-glass",
    summary: "the sealed way past approvals, and its uses",
    load: async () => (await import("./commands/break-glass.ts")).configureBreakGlass,
  },
  {
    name: "policy",
    summary: "check, test and explain the policies that decide who may do what",
    load: async () => (await import("./commands/policy.ts")).configurePolicy,
  },
  {
    name: "rules",
    summary: "check and test the rules that say what is made of findings",
    load: async () => (await import("./commands/rules.ts")).configureRules,
  },
  {
    name: "ledger",
    summary: "the record that nobody can quietly rewrite",
    load: async () => (await import("./commands/ledger.ts")).configureLedger,
  },
  {
    name: "witness",
    summary: "remember another host's ledger, and sign only what continues it",
    load: async () => (await import("./commands/witness.ts")).configureWitness,
  },
  {
    name: "hook",
    summary: "have libvirt itself ask the policy before a VM runs",
    load: async () => (await import("./commands/hook.ts")).configureHook,
  },
  {
    name: "completion",
    summary: "the completion script for a shell",
    load: async () => (await import("./commands/completion.ts")).configureCompletion,
  },
  {
    name: "version",
    summary: "the versions of Casemate and of what it runs on",
    load: async () => (await import("./commands/version.ts")).configureVersion,
  },
];
