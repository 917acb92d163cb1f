import { CasemateError, type JsonObject } from "@casemate/core";
import type { ForensicChannel } from "./forensic-channel.ts";
import {
  formatIsolation,
  formatRelease,
  type IsolationRules,
  isolationTable,
  parseIsolation,
} from "./isolation-ruleset.ts";
import { type NftResult, runNft } from "./run-nft.ts";

/**
 * The nftables rules that keep a VM off the network, at its tap devices. The kernel keeps them: they stand
 * while Casemate does not run, and end with the device.
 *
 * All methods throw `network/failed` with nft's words, `system/missing`, `system/not-permitted`,
 * `memory/not-permitted` and `cancelled`.
 */
export class VmIsolation {
  readonly #uuid: string;

  constructor(uuid: string) {
    this.#uuid = uuid;
  }

  /** What stands in the kernel now. */
  async read(signal?: AbortSignal): Promise<IsolationRules> {
    const { family, name } = isolationTable;
    const result = await runNft(this.#uuid, ["list", "table", family, name], signal);
    if (result.status === 0) return parseIsolation(JSON.parse(result.stdout), this.#uuid);
    if (result.stderr.includes("No such file or directory")) return parseIsolation({}, this.#uuid);
    throw failed("read the rules of isolated VMs", result);
  }

  /** Asks the kernel whether it would take what `write` writes, and writes nothing. */
  async check(
    taps: readonly string[],
    channel: ForensicChannel | undefined,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#load(["--check"], await this.#format(taps, channel, signal), signal);
  }

  /** Lets nothing through the devices but the channel; at once, in place of what was there. */
  async write(
    taps: readonly string[],
    channel: ForensicChannel | undefined,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#load([], await this.#format(taps, channel, signal), signal);
  }

  /** Takes away what `write` wrote. */
  async remove(signal?: AbortSignal): Promise<void> {
    const { chains } = await this.read(signal);
    if (chains.length > 0) await this.#load([], formatRelease(chains), signal);
  }

  async #format(
    taps: readonly string[],
    channel: ForensicChannel | undefined,
    signal?: AbortSignal,
  ): Promise<JsonObject> {
    const { chains } = await this.read(signal);
    return formatIsolation(this.#uuid, taps, channel, chains);
  }

  async #load(
    options: readonly string[],
    ruleset: JsonObject,
    signal?: AbortSignal,
  ): Promise<void> {
    const result = await runNft(this.#uuid, [...options, JSON.stringify(ruleset)], signal);
    if (result.status !== 0) throw failed("change the rules of an isolated VM", result);
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
