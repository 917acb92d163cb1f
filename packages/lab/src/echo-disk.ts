/**
 * A disk that the firmware starts from: its first sector answers each byte of the first serial line (a
 * 16550 at 0x3f8) with the byte whose bit 5 is the other, so that `a` becomes `A`.
 */
export const echoDisk: Uint8Array = Buffer.concat([
  // Waits for a byte.
  Buffer.from([0xba, 0xfd, 0x03]), // mov dx, 0x3fd: line status
  Buffer.from([0xec, 0xa8, 0x01, 0x74, 0xfb]), // in al, dx; test al, 1; jz -5
  Buffer.from([0xba, 0xf8, 0x03, 0xec]), // mov dx, 0x3f8; in al, dx
  Buffer.from([0x88, 0xc3, 0x80, 0xf3, 0x20]), // mov bl, al; xor bl, 0x20
  // Waits until one can be sent.
  Buffer.from([0xba, 0xfd, 0x03]), // mov dx, 0x3fd
  Buffer.from([0xec, 0xa8, 0x20, 0x74, 0xfb]), // in al, dx; test al, 0x20; jz -5
  Buffer.from([0xba, 0xf8, 0x03, 0x88, 0xd8, 0xee]), // mov dx, 0x3f8; mov al, bl; out dx, al
  Buffer.from([0xeb, 0xdf]), // jmp to the start
  Buffer.alloc(510 - 33),
  Buffer.from([0x55, 0xaa]),
  // Firmware takes no disk of one sector for one.
  Buffer.alloc(64 * 1024 - 512),
]);
