import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** `sock_i_ino`: the inode beside the `struct socket`; 0 where there is none. */
export function socketInode(kernel: KernelReader): Accessor<number> {
  const socket = kernel.struct("sock").pointer("sk_socket");
  const inode = kernel.struct("socket_alloc").number("vfs_inode.i_ino");
  return (at) => {
    const found = socket(at);
    return found === 0n ? 0 : inode(found);
  };
}
