import type { JsonObject } from "@casemate/core";
import type { ForensicChannel } from "./forensic-channel.ts";
import {
  formatIsolation,
  formatRelease,
  type IsolationRules,
  parseIsolation,
} from "./isolation-ruleset.ts";
import { NftTable } from "./nft-table.ts";

/** The rules that keep a VM off the network, at its tap devices. All methods throw as `NftTable`'s. */
export class VmIsolation {
  readonly #uuid: string;
  readonly #table: NftTable;

  constructor(uuid: string) {
    this.#uuid = uuid;
    this.#table = new NftTable(uuid);
  }

  /** What stands in the kernel now. */
  async read(signal?: AbortSignal): Promise<IsolationRules> {
    return parseIsolation(await this.#table.list(signal), this.#uuid);
  }

  /** Asks the kernel whether it would take what `write` writes, and writes nothing. */
  async check(
    taps: readonly string[],
    channel: ForensicChannel | undefined,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#table.check(await this.#format(taps, channel, signal), signal);
  }

  /** Lets nothing through the devices but the channel; at once, in place of what was there. */
  async write(
    taps: readonly string[],
    channel: ForensicChannel | undefined,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#table.load(await this.#format(taps, channel, signal), signal);
  }

  /** Takes away what `write` wrote. */
  async remove(signal?: AbortSignal): Promise<void> {
    const { chains } = await this.read(signal);
    if (chains.length > 0) await this.#table.load(formatRelease(chains), signal);
  }

  async #format(
    taps: readonly string[],
    channel: ForensicChannel | undefined,
    signal?: AbortSignal,
  ): Promise<JsonObject> {
    const { chains } = await this.read(signal);
    return formatIsolation(this.#uuid, taps, channel, chains);
  }
}
