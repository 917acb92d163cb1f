import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import { CasemateError } from "@casemate/core";
import { Ledger, LedgerReader, parseVerifierKey, type VerifierKey } from "@casemate/ledger";
import type { Command } from "commander";
import type { Environment } from "../../environment.ts";

/** Where the ledger is that a command is about. */
export interface PlaceOptions {
  readonly ledger?: string;
  readonly data?: string;
}

export function withPlace(command: Command): Command {
  return command
    .option("--ledger <dir>", "the ledger's directory")
    .option("--data <dir>", "the data directory whose ledger it is")
    .option("--json", "print JSON");
}

/** The ledger's directory. Throws `usage`. */
export function ledgerDirectory(environment: Environment, { ledger, data }: PlaceOptions): string {
  if (ledger !== undefined && data !== undefined) {
    throw new CasemateError("usage", "Cannot use --ledger with --data: expected one of them.");
  }
  return resolve(ledger ?? join(data ?? environment.dataDirectory, "ledger"));
}

/** Opens the ledger for writing; a Casemate that works in it has to be stopped first. */
export async function openForWriting(directory: string): Promise<Ledger> {
  const { checkpoint } = await LedgerReader.open(directory);
  return await Ledger.open(directory, { origin: checkpoint.origin });
}

/** Who works here without a control plane, for the ledger. */
export function localActor(): string {
  return `local:${userInfo().username}`;
}

/** A vkey of the command line. Throws `usage`. */
export function parseKeyOption(text: string): VerifierKey {
  try {
    return parseVerifierKey(text);
  } catch (thrown) {
    throw new CasemateError(
      "usage",
      `Cannot use ${JSON.stringify(text)} as a key: expected a vkey like NAME+ID+BASE64.`,
      { cause: thrown },
    );
  }
}

/** The number of a fact. Throws `usage`. */
export function parseIndex(text: string): number {
  const index = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(index)) {
    throw new CasemateError(
      "usage",
      `Cannot use ${JSON.stringify(text)} as a fact: expected its number.`,
    );
  }
  return index;
}
