import type { Gva } from "@casemate/core";
import type { CodeAddress } from "@casemate/formats/kernel-code";
import type { KernelReader } from "../../kernel/kernel-reader.ts";
import { moduleRegions, walkModules } from "../../linux/walk-modules.ts";

/** Something that lies elsewhere in each guest. */
interface Place {
  readonly start: CodeAddress;
  readonly length: number;
  /** `kernel`, `ext4 part 2`. HOSTILE: modules name themselves. */
  readonly name: string;
}

/** Says what code addresses of a guest are in words that hold for other guests of its build. */
export class CodePlaces {
  readonly #kernel: Place;
  /** The kernel image and parts of modules, in order. */
  readonly #loaded: readonly Place[];
  /**
   * Variables that each processor has of modules, in order: distances, so that they may be where something else
   * was loaded.
   */
  readonly #percpu: readonly Place[];

  constructor(kernel: KernelReader) {
    const { textBase, imageSize } = kernel.facts;
    this.#kernel = { start: low(textBase), length: imageSize, name: "kernel" };
    const loaded: Place[] = [this.#kernel];
    const perProcessor: Place[] = [];
    const regions = moduleRegions(kernel);
    const type = kernel.struct("module");
    const name = type.string("name");
    const percpu = type.has("percpu") ? type.pointer("percpu") : () => 0n;
    const percpuSize = type.has("percpu_size") ? type.number("percpu_size") : () => 0;
    for (const at of walkModules(kernel)) {
      for (const [i, { base, size }] of regions(at).entries()) {
        loaded.push({ start: low(base), length: size, name: `${name(at)} part ${i}` });
      }
      const length = percpuSize(at);
      if (length > 0) perProcessor.push({ start: low(percpu(at)), length, name: name(at) });
    }
    this.#loaded = loaded.sort((one, other) => one.start - other.start);
    this.#percpu = perProcessor.sort((one, other) => one.start - other.start);
  }

  /** Whether `address` here and `other` there are the same place of the same thing. */
  isSame(address: CodeAddress, there: CodePlaces, other: CodeAddress): boolean {
    // Most of what code refers to.
    const inKernel = address - this.#kernel.start;
    const isKernel = inKernel >= 0 && inKernel <= this.#kernel.length;
    if (isKernel && other - there.#kernel.start === inKernel) return true;
    // What is in nothing that was loaded is at a fixed address: variables of each processor, fixed mappings.
    if (this.isElsewhere(address)) return there.isElsewhere(other) && address === other;
    return (
      isSamePlace(find(this.#loaded, address), address, find(there.#loaded, other), other) ||
      isSamePlace(find(this.#percpu, address), address, find(there.#percpu, other), other)
    );
  }

  /** Whether it is in nothing that was loaded. */
  isElsewhere(address: CodeAddress): boolean {
    return find(this.#loaded, address) === undefined && find(this.#percpu, address) === undefined;
  }
}

function isSamePlace(
  place: Place | undefined,
  address: CodeAddress,
  there: Place | undefined,
  other: CodeAddress,
): boolean {
  if (place === undefined || there === undefined || place.name !== there.name) return false;
  return address - place.start === other - there.start;
}

/** The place that an address is in, or just behind: that tells where it ends. */
function find(places: readonly Place[], address: CodeAddress): Place | undefined {
  let lower = 0;
  let upper = places.length;
  while (lower < upper) {
    const middle = (lower + upper) >>> 1;
    if ((places[middle]?.start ?? 0) <= address) lower = middle + 1;
    else upper = middle;
  }
  const found = places[lower - 1];
  return found !== undefined && address - found.start <= found.length ? found : undefined;
}

const low = (address: Gva | bigint): CodeAddress => Number(BigInt.asIntN(32, address));
