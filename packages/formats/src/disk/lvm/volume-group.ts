import { damaged } from "./lvm-error.ts";
import { type MetadataSection, type MetadataValue, parseMetadataText } from "./metadata-text.ts";

/** LVM2's unit for all that is no extent. */
const SECTOR = 512;

/** A volume group as its metadata have it. HOSTILE: whoever could write the disk says all of it. */
export interface VolumeGroup {
  readonly name: string;
  readonly uuid: string;
  /** Grows with each change: of several copies the one with the highest is right. */
  readonly seqno: number;
  /** In bytes. */
  readonly extentSize: number;
  /** By the name that segments have for it: `pv0`. */
  readonly physicalVolumes: ReadonlyMap<string, GroupMember>;
  readonly logicalVolumes: ReadonlyMap<string, LogicalVolume>;
}

/** A physical volume as its group has it. */
export interface GroupMember {
  readonly uuid: string;
  /** Where it was seen when the metadata were written: `/dev/vda3`. */
  readonly device: string;
  /** Of its first extent, in bytes. */
  readonly start: number;
  readonly extents: number;
}

export interface LogicalVolume {
  readonly name: string;
  readonly uuid: string;
  /** Whether the system shows it; others are parts of those. */
  readonly isVisible: boolean;
  readonly extents: number;
  /** In order; each begins where the one before it ends. */
  readonly segments: readonly LogicalSegment[];
}

/** A stretch of a logical volume, in extents; what its type says is in `section`. */
export interface LogicalSegment {
  readonly type: string;
  readonly start: number;
  readonly extents: number;
  readonly section: MetadataSection;
}

/** A place that a segment is made of: of a physical volume, or of another logical one. */
export interface SegmentArea {
  readonly name: string;
  /** In extents. */
  readonly start: number;
}

/** The volume group of a text as vgcfgbackup(8) writes it. Throws `disk/damaged`. */
export function parseVolumeGroup(text: string): VolumeGroup {
  const top = parseMetadataText(text);
  const [only, ...others] = top.sections;
  if (only === undefined || others.length > 0) {
    throw damaged("the metadata", `${top.sections.size} volume groups`, "one");
  }
  const [name, group] = only;
  const extentSize = readNumber(group, "extent_size") * SECTOR;
  if (extentSize === 0) throw damaged("the metadata", "extents of nothing", "extents");
  const physicalVolumes = new Map<string, GroupMember>();
  for (const [key, section] of group.sections.get("physical_volumes")?.sections ?? []) {
    physicalVolumes.set(key, {
      uuid: readText(section, "id"),
      device: section.values.has("device") ? readText(section, "device") : "",
      start: readNumber(section, "pe_start") * SECTOR,
      extents: readNumber(section, "pe_count"),
    });
  }
  const logicalVolumes = new Map<string, LogicalVolume>();
  for (const [key, section] of group.sections.get("logical_volumes")?.sections ?? []) {
    logicalVolumes.set(key, parseLogicalVolume(key, section, extentSize));
  }
  verifyNoOverlap(physicalVolumes, logicalVolumes);
  const [uuid, seqno] = [readText(group, "id"), readNumber(group, "seqno")];
  return { name, uuid, seqno, extentSize, physicalVolumes, logicalVolumes };
}

/** The areas of a `striped` segment, of which a linear one has one. Throws `disk/damaged`. */
export function readStripes({ section }: LogicalSegment): readonly SegmentArea[] {
  const stripes = readList(section, "stripes");
  const count = readNumber(section, "stripe_count");
  if (stripes.length !== count * 2 || count < 1) {
    throw damaged("a segment", "other stripes than it counts", `${count}`);
  }
  return Array.from({ length: count }, (_, i) => {
    const [name, start] = [stripes[2 * i], stripes[2 * i + 1]];
    if (typeof name === "string" && typeof start === "number" && start >= 0) return { name, start };
    throw damaged("a segment", `a stripe at ${name} ${start}`, "a volume's extent");
  });
}

/** A number that a section must have, 0 or more. Throws `disk/damaged`. */
export function readNumber(section: MetadataSection, name: string): number {
  const value = section.values.get(name);
  if (typeof value === "number" && value >= 0) return value;
  throw wrongValue(name, value, "a number");
}

/** A text that a section must have. Throws `disk/damaged`. */
export function readText(section: MetadataSection, name: string): string {
  const value = section.values.get(name);
  if (typeof value === "string") return value;
  throw wrongValue(name, value, "a text");
}

function readList(section: MetadataSection, name: string): readonly (number | string)[] {
  const value = section.values.get(name);
  if (typeof value === "object") return value;
  throw wrongValue(name, value, "a list");
}

function parseLogicalVolume(
  name: string,
  section: MetadataSection,
  extentSize: number,
): LogicalVolume {
  const what = `logical volume ${name}`;
  const segments: LogicalSegment[] = [];
  let end = 0;
  const count = readNumber(section, "segment_count");
  for (let i = 1; i <= count; i += 1) {
    const inner = section.sections.get(`segment${i}`);
    if (inner === undefined) throw damaged(what, `${i - 1} segments`, `${count}`);
    const start = readNumber(inner, "start_extent");
    const extents = readNumber(inner, "extent_count");
    // HOSTILE: segments that overlap or leave a gap are no volume.
    if (start !== end || extents === 0) {
      throw damaged(what, `${extents} extents from ${start} on`, `some from ${end} on`);
    }
    segments.push({ type: readText(inner, "type"), start, extents, section: inner });
    end += extents;
  }
  if (!Number.isSafeInteger(end * extentSize)) throw damaged(what, `${end} extents`, "fewer");
  const isVisible = readList(section, "status").includes("VISIBLE");
  return { name, uuid: readText(section, "id"), isVisible, extents: end, segments };
}

/** HOSTILE: no extent of a physical volume is in two places, nor beyond its end (lvm2, check_pv_segments). */
function verifyNoOverlap(
  members: ReadonlyMap<string, GroupMember>,
  volumes: ReadonlyMap<string, LogicalVolume>,
): void {
  const used = new Map<string, { start: number; end: number; name: string }[]>();
  for (const { name, segments } of volumes.values()) {
    for (const segment of segments) {
      if (segment.type !== "striped") continue;
      const areas = readStripes(segment);
      const extents = segment.extents / areas.length;
      for (const area of areas) {
        if (!members.has(area.name)) continue;
        const ranges = used.get(area.name) ?? [];
        used.set(area.name, ranges);
        ranges.push({ start: area.start, end: area.start + extents, name });
      }
    }
  }
  for (const [member, ranges] of used) {
    ranges.sort((one, other) => one.start - other.start);
    let end = 0;
    for (const range of ranges) {
      if (range.start < end || range.end > (members.get(member)?.extents ?? 0)) {
        const seen = `extents ${range.start} to ${range.end} of ${member}`;
        throw damaged(`logical volume ${range.name}`, seen, "its own, on the volume");
      }
      end = range.end;
    }
  }
}

function wrongValue(name: string, value: MetadataValue | undefined, needed: string) {
  return damaged("the metadata", `${name} = ${JSON.stringify(value)?.slice(0, 100)}`, needed);
}
