import {
  type CutRules,
  type CutTraffic,
  formatCut,
  formatRejoin,
  formatTraffic,
  noTraffic,
  parseCut,
} from "./cut-ruleset.ts";
import { NftTable } from "./nft-table.ts";

/** The rules that keep processes of a VM off the network, at its tap devices. All methods throw as `NftTable`'s. */
export class VmCut {
  readonly #uuid: string;
  readonly #table: NftTable;

  constructor(uuid: string) {
    this.#uuid = uuid;
    this.#table = new NftTable(uuid);
  }

  /** What stands in the kernel now. */
  async read(signal?: AbortSignal): Promise<CutRules> {
    return parseCut(await this.#table.list(signal), this.#uuid);
  }

  /** Asks the kernel whether it would take what `write` writes, and writes nothing. */
  async check(taps: readonly string[], signal?: AbortSignal): Promise<void> {
    const found = await this.read(signal);
    await this.#table.check(formatCut(this.#uuid, taps, noTraffic, found), signal);
  }

  /** Lets nothing through the devices but `traffic`; at once, in place of what was there. */
  async write(taps: readonly string[], traffic: CutTraffic, signal?: AbortSignal): Promise<void> {
    const found = await this.read(signal);
    await this.#table.load(formatCut(this.#uuid, taps, traffic, found), signal);
  }

  /** Has `traffic` pass in place of what did, where `write` was. */
  async allow(traffic: CutTraffic, signal?: AbortSignal): Promise<void> {
    await this.#table.load(formatTraffic(this.#uuid, traffic), signal);
  }

  /** Takes away what `write` wrote. */
  async remove(signal?: AbortSignal): Promise<void> {
    const found = await this.read(signal);
    if (found.chains.length + found.sets.length > 0) {
      await this.#table.load(formatRejoin(found), signal);
    }
  }
}
