import type { Command } from "commander";

/** Where the API has an account. */
export function accountPath(name: string): string {
  return `/api/v1/accounts/${encodeURIComponent(name)}`;
}

/** A command that asks a control plane and prints. */
export function withData(command: Command): Command {
  return command
    .option("--data <dir>", "the data directory of the control plane to ask")
    .option("--json", "print JSON");
}
