/** What a kernel image says of itself. */
export interface KernelBanner {
  readonly release?: string;
  readonly build?: string;
}

/** Documentation/arch/x86/boot.rst: "HdrS" at 0x202, and at 0x20e where its version stands, from 0x200 on. */
const MAGIC = { at: 0x202, text: "HdrS" } as const;
const KERNEL_VERSION = 0x20e;
const SETUP = 0x200;
const MAX_BANNER = 256;

/**
 * The release and the build in the first 32 KiB of an x86 kernel image; nothing where it is none, or says
 * nothing. HOSTILE: the guest wrote it.
 */
export function parseKernelBanner(head: Buffer): KernelBanner {
  if (head.toString("latin1", MAGIC.at, MAGIC.at + MAGIC.text.length) !== MAGIC.text) return {};
  const at = head.readUInt16LE(KERNEL_VERSION) + SETUP;
  const text = head.toString("latin1", at, Math.min(at + MAX_BANNER, head.length));
  // `RELEASE (who@where) #1 SMP …`, ended by a zero.
  const [, release, build] = /^([\x21-\x7e]+)(?: \([^)]*\))? ?([\x20-\x7e]*)/.exec(text) ?? [];
  if (release === undefined) return {};
  return { release, ...(build === undefined || build === "" ? {} : { build }) };
}
