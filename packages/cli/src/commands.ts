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
