import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { parseBuildId } from "../kernel/parse-build-id.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** A module has two or three sections of notes, and each a few dozen bytes. */
const MAX_SECTIONS = 16;
const MAX_NOTES = 4096;

/**
 * Reads the build-id of a module out of its ELF notes, which stay in memory for /sys/module/NAME/notes;
 * null where it has none.
 */
export function moduleBuildId(kernel: KernelReader): Accessor<string | null> {
  const module = kernel.struct("module");
  if (!module.has("notes_attrs")) return () => null;
  const notesOf = module.pointer("notes_attrs");
  const sections = noteSections(kernel);
  const attribute = kernel.struct("bin_attribute");
  const data = attribute.pointer("private");
  const size = attribute.number("size");
  return (at) => {
    const notes = notesOf(at);
    if (notes === 0n) return null;
    for (const section of sections(notes)) {
      // HOSTILE: the guest says how long they are.
      const length = Math.min(size(section), MAX_NOTES);
      const buildId = parseBuildId(kernel.memory.bytes(data(section), length));
      if (buildId !== undefined) return buildId;
    }
    return null;
  };
}

/** The `bin_attribute` of each section of notes: counted up to 6.15, a list that ends with NULL since. */
function noteSections(kernel: KernelReader): (notes: Gva) => Generator<Gva> {
  const type = kernel.struct("module_notes_attrs");
  const attribute = kernel.struct("bin_attribute");
  if (type.has("notes")) {
    const count = type.number("notes");
    const first = type.address("attrs");
    return function* walk(at) {
      const length = Math.min(count(at), MAX_SECTIONS);
      for (let i = 0; i < length; i += 1) yield attribute.element(first(at), i);
    };
  }
  const list = type.pointer("grp.bin_attrs");
  return function* walk(at) {
    const base = list(at);
    for (let i = 0; base !== 0n && i < MAX_SECTIONS; i += 1) {
      const section = kernel.memory.pointer(base, i * 8);
      if (section === 0n) return;
      yield gva(section);
    }
  };
}
