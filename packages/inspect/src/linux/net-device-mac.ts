import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** `MAX_ADDR_LEN` (include/linux/netdevice.h). */
const MAX_ADDRESS = 32;

/** A network device's hardware address, `52:54:00:12:34:56`; null where devices of its type have none. */
export function netDeviceMac(kernel: KernelReader): Accessor<string | null> {
  const device = kernel.struct("net_device");
  const length = device.number("addr_len");
  const address = device.pointer("dev_addr");
  return (at) => {
    const size = Math.min(length(at), MAX_ADDRESS);
    return size === 0 ? null : formatMac(kernel.memory.bytes(address(at), size));
  };
}

/** Bytes as people write hardware addresses. */
export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
