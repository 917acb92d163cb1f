import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** What of an inode is the same for as long as nobody changes the file through the kernel: device, number, size, time. */
export function fileVersion(kernel: KernelReader): Accessor<string> {
  const type = kernel.struct("inode");
  const parts = [
    type.number("i_sb->s_dev"),
    type.bigint("i_ino"),
    type.number("i_size"),
    ...["sec", "nsec"].map((part) =>
      type.bigint(`i_ctime_${part}`, `__i_ctime.tv_${part}`, `i_ctime.tv_${part}`),
    ),
  ];
  return (at) => parts.map((read) => read(at)).join(" ");
}
