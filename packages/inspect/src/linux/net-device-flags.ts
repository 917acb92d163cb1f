import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

// include/uapi/linux/if.h, `enum net_device_flags`, in the order of their bits.
const NAMES = [
  "UP",
  "BROADCAST",
  "DEBUG",
  "LOOPBACK",
  "POINTOPOINT",
  "NOTRAILERS",
  "RUNNING",
  "NOARP",
  "PROMISC",
  "ALLMULTI",
  "MASTER",
  "SLAVE",
  "MULTICAST",
  "PORTSEL",
  "AUTOMEDIA",
  "DYNAMIC",
  "LOWER_UP",
  "DORMANT",
  "ECHO",
] as const;

/** A flag of a network device, by its name without `IFF_`. */
export type NetDeviceFlag = (typeof NAMES)[number];

const bit = (name: NetDeviceFlag) => 1 << NAMES.indexOf(name);

/** What users may ask for and what follows from the state: `dev_get_flags` puts these together anew. */
const ASKED = bit("PROMISC") | bit("ALLMULTI");
const DERIVED = bit("RUNNING") | bit("LOWER_UP") | bit("DORMANT");

// include/linux/netdevice.h, `enum netdev_state_t`.
const LINK_STATE_START = 1 << 0;
const LINK_STATE_NOCARRIER = 1 << 2;
const LINK_STATE_DORMANT = 1 << 4;
// RFC 2863, `ifOperStatus`, as include/uapi/linux/if.h numbers it.
const IF_OPER_UNKNOWN = 0;
const IF_OPER_UP = 6;

/**
 * Reads a device's flags as `ip link` shows them (`dev_get_flags`): PROMISC and ALLMULTI only where an
 * administrator asked for them, whatever a packet socket did.
 */
export function netDeviceFlags(kernel: KernelReader): Accessor<readonly NetDeviceFlag[]> {
  const device = kernel.struct("net_device");
  const flags = device.number("flags");
  const asked = device.number("gflags");
  const state = device.bigint("state");
  const operstate = device.number("operstate");
  return (at) => {
    let bits = (flags(at) & ~(ASKED | DERIVED)) | (asked(at) & ASKED);
    const link = Number(state(at) & 0xffn);
    if ((link & LINK_STATE_START) !== 0) {
      const oper = operstate(at);
      if (oper === IF_OPER_UP || oper === IF_OPER_UNKNOWN) bits |= bit("RUNNING");
      if ((link & LINK_STATE_NOCARRIER) === 0) bits |= bit("LOWER_UP");
      if ((link & LINK_STATE_DORMANT) !== 0) bits |= bit("DORMANT");
    }
    return NAMES.filter((name) => (bits & bit(name)) !== 0);
  };
}
