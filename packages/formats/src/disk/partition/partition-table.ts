import type { CasemateError } from "@casemate/core";
import type { BlockReader } from "../block-reader.ts";
import { WindowReader } from "../window-reader.ts";
import { readGpt } from "./gpt.ts";
import { readMbr } from "./mbr.ts";

/** A partition as its table tells of it. HOSTILE: it may overlap others or reach beyond the disk. */
export interface Partition {
  /** As Linux counts: `vda1`. */
  readonly number: number;
  /** In bytes from the start of the disk. */
  readonly start: number;
  /** In bytes. */
  readonly size: number;
  /** A GUID in lower case (GPT), or two hexadecimal digits (MBR). */
  readonly type: string;
  /** The partition's own GUID, or on an MBR disk the disk's signature and the number, as Linux has it. */
  readonly uuid: string | undefined;
  /** GPT only; empty where it has none. */
  readonly name: string;
}

export interface PartitionTable {
  readonly scheme: "gpt" | "mbr";
  readonly partitions: readonly Partition[];
  /** What of the table could not be read or contradicts itself, while the rest could. */
  readonly problems: readonly CasemateError[];
}

/** The partitions of a disk; `undefined` where it has no table. Throws `disk/damaged` where nothing of it holds. */
export function readPartitionTable(disk: BlockReader): PartitionTable | undefined {
  return readGpt(disk) ?? readMbr(disk);
}

/** The bytes of a partition. */
export function openPartition(disk: BlockReader, { number, start, size }: Partition): BlockReader {
  return new WindowReader(disk, start, size, `partition ${number}`);
}
