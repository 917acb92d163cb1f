/** Bits of `vm_area_struct.vm_flags` (include/linux/mm.h): macros, so BTF does not know them. */
export const VmFlags = {
  read: 0x0000_0001,
  write: 0x0000_0002,
  exec: 0x0000_0004,
  mayshare: 0x0000_0080,
  pfnmap: 0x0000_0400,
  io: 0x0000_4000,
} as const;
