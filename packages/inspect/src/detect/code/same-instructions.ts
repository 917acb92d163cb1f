import { type CodeAddress, fromCodeAddress } from "@casemate/formats/kernel-code";
import { Code, Decoder, DecoderOptions, FlowControl } from "iced-x86";
import { areNoOperations } from "./no-operations.ts";

/**
 * Whether two pieces of code at `at` do the same: but for no-ops, for how jumps are encoded, and for what
 * fills the space behind a jump that is never passed.
 */
export function sameInstructions(one: Uint8Array, other: Uint8Array, at: CodeAddress): boolean {
  if (areNoOperations(one) && areNoOperations(other)) return true;
  return meaning(one, at).join() === meaning(other, at).join();
}

/** HOSTILE: jumps over jumps over jumps would take long to see through; kernels have them once. */
const MAX_DEPTH = 2;

function meaning(bytes: Uint8Array, at: CodeAddress, depth = 0): readonly string[] {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const start = fromCodeAddress(at);
  decoder.ip = start;
  const words: string[] = [];
  let passed = true;
  while (decoder.canDecode) {
    const from = decoder.position;
    const instruction = decoder.decode();
    const piece = bytes.subarray(from, decoder.position);
    const { flowControl, code } = instruction;
    if (code === Code.Int3 && !passed) {
      // Nothing comes here.
    } else if (areNoOperations(piece)) {
      passed = true;
    } else if (flowControl === FlowControl.UnconditionalBranch) {
      const target = Number(instruction.nearBranchTarget - start);
      passed = isSkip(bytes, decoder.position, target, depth);
      if (passed) {
        decoder.position = target;
        decoder.ip = start + BigInt(target);
      } else words.push(`jump ${target}`);
    } else if (flowControl === FlowControl.Call || flowControl === FlowControl.ConditionalBranch) {
      const target = Number(instruction.nearBranchTarget - start);
      const condition = instruction.conditionCode;
      words.push(`${flowControl} ${condition} ${target}`);
      passed = true;
    } else if (instruction.isIpRelMemoryOperand) {
      const offsets = decoder.getConstantOffsets(instruction);
      const other = Buffer.from(piece);
      other.fill(0, offsets.displacementOffset, offsets.displacementOffset + 4);
      words.push(`${other.toString("hex")} ${instruction.ipRelMemoryAddress}`);
      offsets.free();
      passed = true;
    } else {
      words.push(Buffer.from(piece).toString("hex"));
      passed = flowControl === FlowControl.Next || flowControl === FlowControl.IndirectCall;
    }
    instruction.free();
  }
  decoder.free();
  return words;
}

/** Whether a jump from `from` to `target` passes over nothing but what fills space. */
function isSkip(bytes: Uint8Array, from: number, target: number, depth: number): boolean {
  if (target < from || target > bytes.length || depth === MAX_DEPTH) return false;
  const between = bytes.subarray(from, target);
  return between.every((byte) => byte === 0xcc) || meaning(between, 0, depth + 1).length === 0;
}
