import { Decoder, DecoderOptions } from "iced-x86";

/** A displacement in code that is counted from the end of its instruction. */
export interface RelativeOperand {
  readonly at: number;
  /** In bytes: 1 or 4. */
  readonly size: number;
  /** Where it is counted from. */
  readonly next: number;
}

/** The same code stands in a kernel hundreds of times. */
const known = new Map<string, readonly RelativeOperand[]>();
const MAX_KNOWN = 4096;

/** Operands of `code` that depend on where it is. */
export function relativeOperands(code: Uint8Array): readonly RelativeOperand[] {
  const key = Buffer.from(code).toString("latin1");
  const before = known.get(key);
  if (before !== undefined) return before;
  const decoder = new Decoder(64, code, DecoderOptions.None);
  const found: RelativeOperand[] = [];
  while (decoder.canDecode) {
    const from = decoder.position;
    const instruction = decoder.decode();
    const next = decoder.position;
    const offsets = decoder.getConstantOffsets(instruction);
    if (instruction.isIpRelMemoryOperand) {
      found.push({ at: from + offsets.displacementOffset, size: 4, next });
    } else if (isNearBranch(instruction)) {
      found.push({ at: from + offsets.immediateOffset, size: offsets.immediateSize, next });
    }
    offsets.free();
    instruction.free();
  }
  decoder.free();
  if (known.size < MAX_KNOWN) known.set(key, found);
  return found;
}

function isNearBranch(instruction: {
  readonly isJmpShortOrNear: boolean;
  readonly isJccShortOrNear: boolean;
  readonly isCallNear: boolean;
}): boolean {
  return instruction.isJmpShortOrNear || instruction.isJccShortOrNear || instruction.isCallNear;
}
