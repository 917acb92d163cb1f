import { formatAddress, type Gva, gva } from "@casemate/core";
import { moduleRegions, walkModules } from "../../../src/linux/walk-modules.ts";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";

const detector = "module-text";
const RET = 0xc3;
/** What the cases change: nothing uses it in a guest that is left alone. */
const MODULE = "dummy";
const MODULE_BYTES = 64 * 1024;

export const moduleTextCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a module's function that does nothing any more",
    finds: /^code of \w+ at 0x[0-9a-f]+$/,
    async tamper(guest) {
      const { text } = await loadModule(guest);
      const at = gva(text + 5n);
      return guest.edit(() => [guest.write(at, Uint8Array.of(0x31, 0xc0, RET))]);
    },
  },
  {
    detector,
    claim: "one bit that was changed in the middle of a module's code",
    finds: /^code of \w+ at 0x[0-9a-f]+$/,
    async tamper(guest) {
      const { text } = await loadModule(guest);
      const at = gva(text + 0x93n);
      const [byte = 0] = guest.bytes(at, 1);
      return guest.edit(() => [guest.write(at, Uint8Array.of(byte ^ 0x10))]);
    },
  },
  {
    detector,
    claim: "code where a module has none, at the end of its page",
    finds: /^code of \w+ at 0x[0-9a-f]+$/,
    async tamper(guest) {
      const { text, length } = await loadModule(guest);
      const at = gva(text + BigInt(length - 16));
      return guest.edit(() => [guest.write(at, Uint8Array.of(0x31, 0xc0, RET))]);
    },
  },
  {
    detector,
    claim: "a module that says it is of another build than its file",
    finds: "could not look",
    async tamper(guest) {
      const { buildId } = await loadModule(guest);
      const [byte = 0] = guest.bytes(buildId, 1);
      return guest.edit(() => [guest.write(buildId, Uint8Array.of(byte ^ 1))]);
    },
  },
];

interface LoadedModule {
  readonly text: Gva;
  readonly length: number;
  /** The first byte of its build-id. */
  readonly buildId: Gva;
}

/** Loads it anew: detectors have not seen this one. */
async function loadModule(guest: GuestEditor): Promise<LoadedModule> {
  await guest.run(`rmmod ${MODULE} 2>/dev/null; modprobe ${MODULE}`);
  const hex = await guest.run(`od -An -tx1 -v /sys/module/${MODULE}/notes/.note.gnu.build-id`);
  const note = Buffer.from(hex.replaceAll(/\s/g, ""), "hex");
  const notes = await guest.run(`cat /sys/module/${MODULE}/sections/.note.gnu.build-id`);
  return guest.look(({ kernel }) => {
    const type = kernel.struct("module");
    const name = type.string("name");
    const module = walkModules(kernel).find((at) => name(at) === MODULE);
    const [text] = module === undefined ? [] : moduleRegions(kernel)(module);
    if (module === undefined || text === undefined) throw new Error(`${MODULE} is not loaded.`);
    const length = type.number("mem[0].size", "core_layout.text_size")(module);
    const start = gva(BigInt(notes.trim()));
    const held = kernel.memory.bytes(start, note.length);
    if (!note.equals(held)) throw new Error(`No notes at ${formatAddress(start)}.`);
    // The name "GNU" is before it.
    return { text: text.base, length: Math.min(length, MODULE_BYTES), buildId: gva(start + 16n) };
  });
}
