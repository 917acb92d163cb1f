import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { StructType } from "../kernel/struct-type.ts";
import { moduleStructs } from "./module-struct.ts";

/** `struct kvm`, a virtual machine: KVM is a module, or built in. `undefined` where the kernel has no types of it. */
export function kvmStruct(kernel: KernelReader): StructType | undefined {
  const type = kernel.hasStruct("kvm") ? kernel.struct("kvm") : moduleStructs(kernel)("kvm", "kvm");
  return type?.has("vm_list") === true ? type : undefined;
}
