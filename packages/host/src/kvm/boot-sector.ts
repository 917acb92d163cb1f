/**
 * A boot sector that tries what a guest needs of its accelerator, and says so by ending QEMU: real mode,
 * paging, long mode, CPUID, and reading and writing a machine-specific register.
 *
 * It writes `BOOT_SECTOR_PASSED` to port 0xf4, where QEMU's `isa-debug-exit` makes of a value `v` the
 * exit status `v * 2 + 1` (hw/misc/debugexit.c).
 */
export function buildBootSector(): Buffer {
  const sector = Buffer.alloc(SECTOR_BYTES);
  let at = 0;
  const emit = (...codes: readonly (number | Uint8Array)[]) => {
    for (const code of codes) {
      const bytes = typeof code === "number" ? Uint8Array.of(code) : code;
      sector.set(bytes, at);
      at += bytes.length;
    }
  };

  // 16 bits, loaded by the firmware at 0x7c00 (IA-32 SDM vol. 3, 10.8.5 is the order of what follows).
  emit(0xfa); //                                     cli
  emit(0xfc); //                                     cld
  emit(0x31, 0xc0); //                               xor ax, ax
  emit(0x8e, 0xd8); //                               mov ds, ax
  emit(0x8e, 0xc0); //                               mov es, ax
  // Three empty tables, then one entry in each: virtual 0 to 2 MiB is physical 0 to 2 MiB.
  emit(0xbf, word(TABLES)); //                       mov di, TABLES
  emit(0xb9, word((3 * PAGE) / 4)); //               mov cx, 3 * PAGE / 4
  emit(0x66, 0x31, 0xc0); //                         xor eax, eax
  emit(0xf3, 0x66, 0xab); //                         rep stosd
  const store = (address: number, value: number) =>
    emit(0x66, 0xc7, 0x06, word(address), long(value)); // mov dword [address], value
  store(TABLES, (TABLES + PAGE) | PRESENT | WRITABLE);
  store(TABLES + PAGE, (TABLES + 2 * PAGE) | PRESENT | WRITABLE);
  store(TABLES + 2 * PAGE, PRESENT | WRITABLE | LARGE);
  emit(0x66, 0xb8, long(0x80000001)); //             mov eax, 0x80000001
  emit(0x0f, 0xa2); //                               cpuid
  emit(0x66, 0xf7, 0xc2, long(CPUID_LONG_MODE)); //  test edx, CPUID_LONG_MODE
  emit(0x75, 0x04); //                               jnz over the next two
  emit(0xb0, FAILED, 0xe6, DEBUG_EXIT_PORT); //      mov al, FAILED; out 0xf4, al
  emit(0x66, 0xb8, long(CR4_PAE)); //                mov eax, CR4_PAE
  emit(0x0f, 0x22, 0xe0); //                         mov cr4, eax
  emit(0x66, 0xb8, long(TABLES)); //                 mov eax, TABLES
  emit(0x0f, 0x22, 0xd8); //                         mov cr3, eax
  emit(0x66, 0xb9, long(MSR_EFER)); //               mov ecx, MSR_EFER
  emit(0x0f, 0x32); //                               rdmsr
  emit(0x66, 0x0d, long(EFER_LME)); //               or eax, EFER_LME
  emit(0x0f, 0x30); //                               wrmsr
  emit(0x0f, 0x01, 0x16, word(LOADED_AT + GDTR_AT)); // lgdt [gdtr]
  emit(0x0f, 0x20, 0xc0); //                         mov eax, cr0
  emit(0x66, 0x0d, long(CR0_PG_PE)); //              or eax, CR0_PG | CR0_PE
  emit(0x0f, 0x22, 0xc0); //                         mov cr0, eax
  emit(0xea, word(LOADED_AT + LONG_MODE_AT), word(CODE_SELECTOR)); // jmp far into 64 bits

  // 64 bits.
  at = LONG_MODE_AT;
  emit(0xb9, long(MSR_EFER)); //                     mov ecx, MSR_EFER
  emit(0x0f, 0x32); //                               rdmsr
  emit(0xa9, long(EFER_LMA)); //                     test eax, EFER_LMA
  emit(0xb0, FAILED); //                             mov al, FAILED
  emit(0x74, 0x02); //                               jz over the next one
  emit(0xb0, PASSED); //                             mov al, PASSED
  emit(0xe6, DEBUG_EXIT_PORT); //                    out 0xf4, al
  emit(0xf4); //                                     hlt
  emit(0xeb, 0xfd); //                               jmp to the hlt

  // The descriptors: none, and 64-bit code (IA-32 SDM vol. 3, 3.4.5); then what lgdt reads.
  sector.writeBigUInt64LE(0x00209a0000000000n, GDT_AT + CODE_SELECTOR);
  sector.writeUInt16LE(15, GDTR_AT);
  sector.writeUInt32LE(LOADED_AT + GDT_AT, GDTR_AT + 2);
  sector.writeUInt16LE(0xaa55, SECTOR_BYTES - 2);
  return sector;
}

/** The exit status of a QEMU whose guest got to the end of the boot sector. */
export const BOOT_SECTOR_PASSED = 33;

const SECTOR_BYTES = 512;
const LOADED_AT = 0x7c00;
const LONG_MODE_AT = 0x100;
const GDT_AT = 0x180;
const GDTR_AT = 0x190;
const CODE_SELECTOR = 8;

/** Page-map level 4, page-directory pointers, page directory. */
const TABLES = 0x1000;
const PAGE = 4096;
const PRESENT = 1 << 0;
const WRITABLE = 1 << 1;
const LARGE = 1 << 7;

const CPUID_LONG_MODE = 1 << 29;
const CR0_PG_PE = 0x80000001;
const CR4_PAE = 1 << 5;
const MSR_EFER = 0xc0000080;
const EFER_LME = 1 << 8;
const EFER_LMA = 1 << 10;

const DEBUG_EXIT_PORT = 0xf4;
const PASSED = (BOOT_SECTOR_PASSED - 1) / 2;
const FAILED = 0x11;

const word = (value: number): Uint8Array => Uint8Array.of(value & 0xff, (value >>> 8) & 0xff);
const long = (value: number): Uint8Array =>
  Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff);
