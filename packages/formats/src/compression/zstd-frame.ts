/** RFC 8878, 3.1.1: Magic_Number, and 3.1.1.1: the bits of Frame_Header_Descriptor. */
const MAGIC = 0xfd2f_b528;
const SINGLE_SEGMENT = 0x20;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CHECKSUM_BYTES = 4;
/** 3.1.1.2, Block_Type: one byte, repeated. */
const RLE_BLOCK = 1;

/** How many bytes the zstd frame at the start of `bytes` takes; `undefined` where there is no whole one. */
export function zstdFrameLength(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < 6 || view.getUint32(0, true) !== MAGIC) return undefined;
  const descriptor = view.getUint8(4);
  const single = (descriptor & SINGLE_SEGMENT) !== 0;
  const contentSizeFlag = descriptor >>> 6;
  const contentSize = contentSizeFlag === 0 ? (single ? 1 : 0) : 2 ** contentSizeFlag;
  let at = 5 + (single ? 0 : 1) + (DICTIONARY_ID_BYTES[descriptor & 3] ?? 0) + contentSize;
  for (let last = false; !last; ) {
    if (at + 3 > view.byteLength) return undefined;
    const header = view.getUint16(at, true) + view.getUint8(at + 2) * 0x1_0000;
    last = (header & 1) !== 0;
    at += 3 + (((header >>> 1) & 3) === RLE_BLOCK ? 1 : header >>> 3);
  }
  if ((descriptor & CONTENT_CHECKSUM) !== 0) at += CHECKSUM_BYTES;
  return at <= view.byteLength ? at : undefined;
}
