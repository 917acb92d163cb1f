import { CasemateError, type JsonObject } from "@casemate/core";
import { type NftResult, runNft } from "./run-nft.ts";
import { casemateTable } from "./tap-chains.ts";

/**
 * Casemate's table of nftables, where a VM's tap devices are. The kernel keeps it: its rules stand while
 * Casemate does not run, and end with the devices.
 *
 * All methods throw `network/failed` with nft's words, `system/missing`, `system/not-permitted`,
 * `memory/not-permitted`, `cancelled`, and what `storageError` makes of no room for their commands.
 */
export class NftTable {
  readonly #uuid: string;

  constructor(uuid: string) {
    this.#uuid = uuid;
  }

  /** What nft lists of it; an empty listing where there is none. */
  async list(signal?: AbortSignal): Promise<unknown> {
    const { family, name } = casemateTable;
    const result = await runNft(this.#uuid, ["list", "table", family, name], {}, signal);
    if (result.status === 0) return JSON.parse(result.stdout);
    if (result.stderr.includes("No such file or directory")) return {};
    throw failed("read the rules of VMs", result);
  }

  /** Carries the commands out in one transaction. */
  async load(ruleset: JsonObject, signal?: AbortSignal): Promise<void> {
    await this.#run([], ruleset, signal);
  }

  /** Asks the kernel whether it would take the commands, and carries none out. */
  async check(ruleset: JsonObject, signal?: AbortSignal): Promise<void> {
    await this.#run(["--check"], ruleset, signal);
  }

  async #run(options: readonly string[], input: JsonObject, signal?: AbortSignal): Promise<void> {
    const result = await runNft(this.#uuid, [...options, "--file", "-"], { input }, signal);
    if (result.status !== 0) throw failed("change the rules of a VM", result);
  }
}

function failed(doing: string, { status, stderr }: NftResult): CasemateError {
  if (/Operation not permitted/.test(stderr)) {
    return new CasemateError(
      "system/not-permitted",
      `Cannot ${doing}: nft was not permitted to, expected root's rights.`,
    );
  }
  const words = /Error: (.*)/.exec(stderr)?.[1] ?? stderr.trim();
  return new CasemateError(
    "network/failed",
    `Cannot ${doing}: nft ended with ${status} and said "${words.slice(0, 300)}", expected it to succeed.`,
  );
}
