import type { VisitedFile } from "../visitor.ts";
import type { FileKind } from "./package-tally.ts";

/** What interpreters read, by its name. */
const SCRIPT = /\.(?:py|pyc|pl|pm|rb|js|cjs|mjs|php|sh|lua|tcl|jar|class)$/;
const SHARED_OBJECT = /\.so(?:\.|$)/;
/** Started by whoever runs the system, at their time: the programs in question are what it starts. */
const NOT_RUN = /^\/(?:etc|usr\/share\/(?:bug|doc|initramfs-tools))\//;

/** ELF-64 Object File Format, section 3: `e_ident`, then `e_type` in the file's own byte order. */
const ELF = { magic: "\x7fELF", bytes: 18, dataAt: 5, bigEndian: 2, typeAt: 16 } as const;
/** What a process can be made of: ET_EXEC and ET_DYN. */
const LOADABLE: ReadonlySet<number> = new Set([2, 3]);

/** Whether a regular file is a program or library, a script, or neither. Throws `disk/*`. */
export function classifyFile(file: Pick<VisitedFile, "path" | "stat" | "head">): FileKind {
  const { path, stat } = file;
  if (NOT_RUN.test(path)) return "data";
  if (SCRIPT.test(path)) return "script";
  if ((stat.mode & 0o111) === 0 && !SHARED_OBJECT.test(path)) return "data";
  const head = file.head(ELF.bytes);
  if (head.toString("latin1", 0, 2) === "#!") return "script";
  if (head.length < ELF.bytes || head.toString("latin1", 0, 4) !== ELF.magic) return "data";
  const isBig = head.readUInt8(ELF.dataAt) === ELF.bigEndian;
  const type = isBig ? head.readUInt16BE(ELF.typeAt) : head.readUInt16LE(ELF.typeAt);
  return LOADABLE.has(type) ? "program" : "data";
}
