import type { BlockReader } from "../block-reader.ts";
import { diskError } from "../disk-error.ts";
import { JoinedReader } from "../joined-reader.ts";
import { WindowReader } from "../window-reader.ts";
import { damaged, unsupported } from "./lvm-error.ts";
import { SnapshotReader } from "./snapshot-reader.ts";
import { StripedReader } from "./striped-reader.ts";
import { ThinMetadata } from "./thin/thin-metadata.ts";
import { ThinReader } from "./thin/thin-reader.ts";
import {
  type LogicalSegment,
  type LogicalVolume,
  readNumber,
  readStripes,
  readText,
  type SegmentArea,
  type VolumeGroup,
} from "./volume-group.ts";

const SECTOR = 512;
/** LVM2 makes a volume out of volumes out of volumes, and no more. */
const MAX_DEPTH = 8;

/** A volume, and of how many below each other it is made. */
interface Opened {
  readonly reader: BlockReader;
  readonly depth: number;
}

interface OpenedPool {
  readonly metadata: ThinMetadata;
  readonly data: BlockReader;
  readonly depth: number;
}

/**
 * The bytes of a group's logical volumes.
 *
 * HOSTILE: volumes may be made of each other, many times over: each is opened once, and few deep.
 */
export class LogicalVolumes {
  readonly #group: VolumeGroup;
  readonly #findMember: (uuid: string) => BlockReader | undefined;
  readonly #opened = new Map<LogicalVolume, Opened>();
  readonly #pools = new Map<LogicalVolume, OpenedPool>();
  readonly #opening = new Set<LogicalVolume>();

  /** @param findMember where the physical volume of a UUID is. */
  constructor(group: VolumeGroup, findMember: (uuid: string) => BlockReader | undefined) {
    this.#group = group;
    this.#findMember = findMember;
  }

  /**
   * A volume of linear, striped and thin segments, or a snapshot, to be read. Throws `disk/incomplete` where
   * a physical volume is not there, `disk/unsupported` for segments of other types, `disk/damaged`.
   */
  open(volume: LogicalVolume): BlockReader {
    return this.#open(volume).reader;
  }

  #open(volume: LogicalVolume): Opened {
    const known = this.#opened.get(volume);
    if (known !== undefined) return known;
    const what = this.#nameOf(volume);
    if (this.#opening.has(volume)) throw damaged(what, "a volume that holds itself", "another");
    if (this.#opening.size > MAX_DEPTH) throw tooDeep(what);
    this.#opening.add(volume);
    try {
      const segments = volume.segments.map((segment) => this.#openSegment(segment, what));
      const [only, ...others] = segments.map(({ reader }) => reader);
      if (only === undefined) throw damaged(what, "no segment", "one");
      const depth = 1 + Math.max(...segments.map((segment) => segment.depth));
      if (depth > MAX_DEPTH) throw tooDeep(what);
      const reader = others.length === 0 ? only : new JoinedReader([only, ...others], what);
      const opened = { reader, depth };
      this.#opened.set(volume, opened);
      return opened;
    } finally {
      this.#opening.delete(volume);
    }
  }

  #openSegment(segment: LogicalSegment, what: string): Opened {
    const size = segment.extents * this.#group.extentSize;
    switch (segment.type) {
      case "striped":
        return this.#openStriped(segment, size, what);
      case "thin":
        return this.#openThin(segment, size, what);
      case "snapshot":
        return this.#openSnapshot(segment, size, what);
      default:
        throw unsupported(what, `a segment of type ${segment.type}`, "linear, striped or thin");
    }
  }

  #openThin({ section }: LogicalSegment, size: number, what: string): Opened {
    const pool = this.#find(readText(section, "thin_pool"), what);
    const { metadata, data, depth } = this.#openPool(pool, what);
    const name = section.values.has("external_origin") ? readText(section, "external_origin") : "";
    const origin = name === "" ? undefined : this.#open(this.#find(name, what));
    const device = readNumber(section, "device_id");
    return {
      reader: new ThinReader(size, { metadata, data }, device, origin?.reader),
      depth: Math.max(depth, origin?.depth ?? 0),
    };
  }

  #openPool(pool: LogicalVolume, what: string): OpenedPool {
    const known = this.#pools.get(pool);
    if (known !== undefined) return known;
    const [segment, ...others] = pool.segments;
    if (segment?.type !== "thin-pool" || others.length > 0) {
      throw damaged(what, `a pool ${pool.name} that is none`, "a thin pool");
    }
    const metadata = this.#open(this.#find(readText(segment.section, "metadata"), what));
    const data = this.#open(this.#find(readText(segment.section, "pool"), what));
    const opened = {
      metadata: new ThinMetadata(metadata.reader),
      data: data.reader,
      depth: Math.max(metadata.depth, data.depth),
    };
    this.#pools.set(pool, opened);
    return opened;
  }

  /** The origin's own bytes are under the snapshot's, not what other snapshots make of them. */
  #openSnapshot({ section }: LogicalSegment, size: number, what: string): Opened {
    const origin = this.#open(this.#find(readText(section, "origin"), what));
    const store = this.#open(this.#find(readText(section, "cow_store"), what));
    const reader = new SnapshotReader(
      Math.min(size, origin.reader.size),
      origin.reader,
      store.reader,
    );
    return { reader, depth: Math.max(origin.depth, store.depth) };
  }

  #find(name: string, what: string): LogicalVolume {
    const volume = this.#group.logicalVolumes.get(name);
    if (volume === undefined) throw damaged(what, `a part ${name}`, "a volume of its group");
    return volume;
  }

  #openStriped(segment: LogicalSegment, size: number, what: string): Opened {
    const areas = readStripes(segment);
    const [first] = areas;
    if (areas.length === 1 && first !== undefined) return this.#openArea(first, size, what);
    const stripeSize = readNumber(segment.section, "stripe_size") * SECTOR;
    const each = size / areas.length;
    const isEven = segment.extents % areas.length === 0 && each % stripeSize === 0;
    if (stripeSize === 0 || !isEven) {
      throw damaged(what, `${areas.length} stripes of ${stripeSize} bytes`, `some of ${size}`);
    }
    const stripes = areas.map((area) => this.#openArea(area, each, what));
    return {
      reader: new StripedReader(
        stripes.map(({ reader }) => reader),
        stripeSize,
      ),
      depth: Math.max(...stripes.map(({ depth }) => depth)),
    };
  }

  #openArea({ name, start }: SegmentArea, size: number, what: string): Opened {
    const { extentSize, physicalVolumes } = this.#group;
    const member = physicalVolumes.get(name);
    if (member !== undefined) {
      const device = this.#findMember(member.uuid);
      if (device === undefined) {
        const seen = `its physical volume ${member.uuid} (${member.device}) is not there`;
        throw diskError("disk/incomplete", `read ${what}`, { seen, needed: "all of them" });
      }
      const at = member.start + start * extentSize;
      return { reader: new WindowReader(device, at, size, what), depth: 0 };
    }
    const { reader, depth } = this.#open(this.#find(name, what));
    return { reader: new WindowReader(reader, start * extentSize, size, what), depth };
  }

  #nameOf({ name }: LogicalVolume): string {
    return `logical volume ${this.#group.name}/${name}`;
  }
}

function tooDeep(what: string) {
  return damaged(what, "volumes in volumes without end", `${MAX_DEPTH} at most`);
}
