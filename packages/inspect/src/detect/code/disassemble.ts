import { type Gva, gva } from "@casemate/core";
import { Decoder, DecoderOptions, Formatter, FormatterSyntax } from "iced-x86";

/** One instruction, for people. */
export interface DisassembledInstruction {
  /** From the start of the code, in bytes. */
  readonly offset: number;
  readonly length: number;
  /** `call 0xffffffff81000010 <do_exit>`. */
  readonly text: string;
}

/** Instructions of `bytes`, which are at `at`, in AT&T's syntax. `nameOf` tells where branches lead. */
export function* disassemble(
  bytes: Uint8Array,
  at: Gva,
  nameOf: (address: Gva) => string | undefined,
): Generator<DisassembledInstruction> {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const formatter = new Formatter(FormatterSyntax.Gas);
  try {
    decoder.ip = at;
    while (decoder.canDecode) {
      const offset = decoder.position;
      const instruction = decoder.decode();
      try {
        const { nearBranchTarget } = instruction;
        const name = nearBranchTarget === 0n ? undefined : nameOf(gva(nearBranchTarget));
        const words = formatter.format(instruction);
        const text = name === undefined ? words : `${words} <${name}>`;
        yield { offset, length: decoder.position - offset, text };
      } finally {
        instruction.free();
      }
    }
  } finally {
    formatter.free();
    decoder.free();
  }
}
