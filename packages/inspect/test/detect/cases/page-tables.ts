import { type Gpa, type Gva, gpa, gva } from "@casemate/core";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { loadedModule } from "../loaded-module.ts";

const detector = "page-tables";
const PRESENT = 1n;
const WRITABLE = 2n;
const USER = 4n;
const LARGE = 0x80n;
const NO_EXECUTE = 1n << 63n;
const ADDRESS = 0x000f_ffff_ffff_f000n;
/** Where firmware is that the kernel has no more use for. */
const FIRMWARE = { start: 0xe_0000, end: 0x10_0000 };
const PAGE = 4096;

export const pageTablesCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a module's code that may be written",
    finds: /^0x[0-9a-f]+ to 0x[0-9a-f]+ w x$/,
    tamper: async (guest) => {
      const code = await loadedModule(guest, "dummy");
      return guest.edit(() => [change(guest, lastEntry(guest, code), (entry) => entry | WRITABLE)]);
    },
  },
  {
    detector,
    claim: "the kernel's code that may be written",
    finds: /^0x[0-9a-f]+ to 0x[0-9a-f]+ w x$/,
    tamper: (guest) => {
      const text = guest.look(({ kernel }) => kernel.symbol("_stext"));
      return guest.edit(() => [change(guest, lastEntry(guest, text), (entry) => entry | WRITABLE)]);
    },
  },
  {
    detector,
    claim: "data that may be executed",
    finds: /^0x[0-9a-f]+ to 0x[0-9a-f]+ w x$/,
    tamper: (guest) => {
      const { at } = firmwarePage(guest);
      return guest.edit(() => [
        change(guest, lastEntry(guest, at), (entry) => (entry | WRITABLE) & ~NO_EXECUTE),
      ]);
    },
  },
  {
    detector,
    claim: "a page of the kernel's that programs may use",
    finds: /^0x[0-9a-f]+ to 0x[0-9a-f]+.* u$/,
    tamper: (guest) => {
      const { entries } = firmwarePage(guest);
      return guest.edit(() => entries.map((at) => change(guest, at, (entry) => entry | USER)));
    },
  },
];

function change(guest: GuestEditor, at: Gpa, how: (entry: bigint) => bigint): Disposable {
  return guest.writeU64(at, how(guest.u64(at)));
}

function lastEntry(guest: GuestEditor, address: Gva): Gpa {
  const last = entriesOf(guest, address).at(-1);
  if (last === undefined) throw new Error("It is not mapped.");
  return last;
}

/** Where the entries are that map `address`, from the top table down; none where it is not mapped. */
function entriesOf(guest: GuestEditor, address: Gva): readonly Gpa[] {
  const { pageTableRoot, pagingLevels } = guest.kernel.facts;
  const entries: Gpa[] = [];
  let table: number = pageTableRoot;
  for (let level: number = pagingLevels; level > 0; level -= 1) {
    const index = (address >> BigInt(12 + 9 * (level - 1))) & 0x1ffn;
    const at = gpa(table + Number(index) * 8);
    const entry = guest.u64(at);
    if ((entry & PRESENT) === 0n) return [];
    entries.push(at);
    if (level <= 3 && (entry & LARGE) !== 0n) break;
    table = Number(entry & ADDRESS);
  }
  return entries;
}

/** A small page of the direct map that nothing touches. */
function firmwarePage(guest: GuestEditor): { readonly at: Gva; readonly entries: readonly Gpa[] } {
  const { directMapBase, pagingLevels } = guest.kernel.facts;
  for (let physical = FIRMWARE.start; physical < FIRMWARE.end; physical += PAGE) {
    const at = gva(directMapBase + BigInt(physical));
    const entries = entriesOf(guest, at);
    if (entries.length === pagingLevels) return { at, entries };
  }
  throw new Error("The direct map has no small page there.");
}
