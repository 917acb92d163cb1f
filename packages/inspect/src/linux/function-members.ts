import { BtfKind } from "../btf/btf-kind.ts";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** A member that points to a function. */
export interface FunctionMember {
  readonly name: string;
  /** In bytes. */
  readonly offset: number;
}

/** Members of members are looked at so far down. */
const MAX_DEPTH = 4;

/** The members of `struct` that point to functions, those of structs and unions within it too. */
export function functionMembers(kernel: KernelReader, struct: string): readonly FunctionMember[] {
  const { btf } = kernel;
  const id = btf.find(struct, BtfKind.struct);
  const found: FunctionMember[] = [];
  const visit = (type: number, base: number, prefix: string, depth: number) => {
    for (const member of btf.members(type)) {
      const stripped = btf.strip(member.type);
      const offset = base + member.bitOffset / 8;
      const name = `${prefix}${member.name}`;
      switch (btf.kind(stripped)) {
        case BtfKind.ptr:
          if (btf.kind(btf.strip(btf.target(stripped))) === BtfKind.funcProto) {
            found.push({ name, offset });
          }
          break;
        case BtfKind.struct:
          if (depth < MAX_DEPTH) {
            visit(stripped, offset, member.name === "" ? prefix : `${name}.`, depth + 1);
          }
          break;
      }
    }
  };
  if (id !== undefined) visit(id, 0, "", 0);
  return found;
}
