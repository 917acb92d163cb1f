import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { isWhole } from "../walk/is-whole.ts";
import { fileUserPath } from "./file-user-path.ts";
import { findModuleSymbol } from "./find-module-symbol.ts";
import { kvmStruct } from "./kvm-struct.ts";
import { moduleRegions, walkModules } from "./walk-modules.ts";
import { walkProcessFiles } from "./walk-process-files.ts";

/** A descriptor of KVM's that a process has. */
export interface KvmFile {
  /** Address of the process's leader. */
  readonly task: Gva;
  readonly fd: number;
  /** Address of its `struct file`. */
  readonly file: Gva;
  /** `vm` is a virtual machine, `device` is /dev/kvm, and the rest belongs to a machine. */
  readonly kind: "device" | "vm" | "part";
  /** What is behind it: of a machine its `struct kvm`. */
  readonly object: Gva;
}

/** What the kernel's own hypervisor does, by its list and by open files, each asked by itself. */
export interface KvmCensus {
  /** Whether the kernel has KVM: loaded, or built in. */
  readonly isThere: boolean;
  /** Machines on `vm_list`, by their `struct kvm`; `undefined` where this kernel does not say where that is. */
  readonly listed: readonly Gva[] | undefined;
  /** Whether the list could be read to its end. */
  readonly isComplete: boolean;
  readonly files: readonly KvmFile[];
}

/** Takes the census. What is damaged is told by the look. */
export function takeKvmCensus(kernel: KernelReader): KvmCensus {
  const module = kvmModule(kernel);
  const isKvms = kvmMemory(kernel, module);
  if (isKvms === undefined) return { isThere: false, listed: [], isComplete: true, files: [] };
  let listed: readonly Gva[] | undefined;
  const isComplete = isWhole(kernel, () => {
    listed = readList(kernel, module);
  });
  return { isThere: true, listed, isComplete, files: [...walkKvmFiles(kernel, isKvms)] };
}

/** The module KVM is in, where it is loaded. */
function kvmModule(kernel: KernelReader): Gva | undefined {
  const name = kernel.struct("module").string("name");
  return [...walkModules(kernel)].find((at) => name(at) === "kvm");
}

/** Whether an address is KVM's; `undefined` where there is no KVM. */
function kvmMemory(
  kernel: KernelReader,
  module: Gva | undefined,
): ((address: Gva) => boolean) | undefined {
  const builtIn = ["kvm_chardev_ops", "kvm_vm_fops", "kvm_vcpu_fops"].filter((name) =>
    kernel.hasSymbol(name),
  );
  if (builtIn.length > 0) {
    const operations = builtIn.map((name) => kernel.symbol(name));
    return (address) => operations.includes(address);
  }
  if (module === undefined) return undefined;
  const regions = moduleRegions(kernel)(module);
  return (address) =>
    regions.some(({ base, size }) => address >= base && address < base + BigInt(size));
}

function readList(kernel: KernelReader, module: Gva | undefined): readonly Gva[] | undefined {
  const list = kernel.hasSymbol("vm_list")
    ? kernel.symbol("vm_list")
    : module && findModuleSymbol(kernel, module, "vm_list");
  const type = kvmStruct(kernel);
  if (list === undefined || type === undefined) return undefined;
  return [...kernel.attemptWalk(type.list(list, "vm_list"), "list of virtual machines", list)];
}

function* walkKvmFiles(
  kernel: KernelReader,
  isKvms: (address: Gva) => boolean,
): Generator<KvmFile> {
  const type = kernel.struct("file");
  const operations = type.pointer("f_op");
  const object = type.pointer("private_data");
  const nameOf = kernel.struct("dentry").string("d_name.name");
  const userPath = fileUserPath(kernel);
  for (const { task, fd, file } of walkProcessFiles(kernel)) {
    if (!isKvms(operations(file))) continue;
    const name = kernel.attempt(() => nameOf(userPath(file).dentry), "struct file", file);
    const kind = name === "kvm-vm" ? "vm" : name === "kvm" ? "device" : "part";
    yield { task, fd, file, kind, object: object(file) };
  }
}
