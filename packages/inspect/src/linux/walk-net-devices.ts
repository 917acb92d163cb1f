import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** Network devices (`struct net_device`) of the namespace at `net`: `for_each_netdev`. */
export function walkNetDevices(kernel: KernelReader, net: Gva): Generator<Gva> {
  const head = kernel.struct("net").address("dev_base_head")(net);
  return kernel.struct("net_device").list(head, "dev_list");
}

/**
 * Tells the name of the device `index` in the namespace at `net`: `*` for index 0, which stands for all
 * of them, `if7` for one that is gone. HOSTILE: guests name their devices.
 */
export function netDeviceNames(kernel: KernelReader): (net: Gva, index: number) => string {
  const device = kernel.struct("net_device");
  const ifindex = device.number("ifindex");
  const name = device.string("name");
  const known = new Map<Gva, ReadonlyMap<number, string>>();
  return (net, index) => {
    if (index === 0) return "*";
    const names =
      known.get(net) ?? new Map(walkNetDevices(kernel, net).map((at) => [ifindex(at), name(at)]));
    known.set(net, names);
    return names.get(index) ?? `if${index}`;
  };
}

/** Finds the bridge, bond or team that a device belongs to: `netdev_master_upper_dev_get`. */
export function netDeviceMaster(kernel: KernelReader): (at: Gva) => Gva | undefined {
  const upper = kernel.struct("net_device").address("adj_list.upper");
  const adjacent = kernel.struct("netdev_adjacent");
  const isMaster = adjacent.number("master");
  const device = adjacent.pointer("dev");
  return (at) => {
    for (const above of adjacent.list(upper(at), "list")) {
      if (isMaster(above) !== 0) return device(above);
    }
    return undefined;
  };
}
