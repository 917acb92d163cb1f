import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** What a device received and sent since it was made. */
export interface NetDeviceStatistics {
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly txBytes: number;
  readonly txPackets: number;
}

/**
 * Reads a device's counters (`dev_get_stats`) where the kernel itself keeps them: in the `net_device`, or
 * per processor for loopback and most virtual devices. Null where a driver keeps its own.
 */
export function netDeviceStatistics(kernel: KernelReader): Accessor<NetDeviceStatistics | null> {
  const device = kernel.struct("net_device");
  const operations = device.pointer("netdev_ops");
  const ops = kernel.struct("net_device_ops");
  const get64 = ops.pointer("ndo_get_stats64");
  const get = ops.pointer("ndo_get_stats");
  const plain = plainStatistics(kernel);
  const software = softwareStatistics(kernel);
  const loopback = loopbackStatistics(kernel);
  const kind = device.has("pcpu_stat_type") ? device.number("pcpu_stat_type") : undefined;
  const tstats = kernel.constant("NETDEV_PCPU_STAT_TSTATS");
  return (at) => {
    const functions = operations(at);
    const function64 = get64(functions);
    if (function64 === 0n) {
      if (get(functions) !== 0n) return null;
      return kind !== undefined && kind(at) === tstats ? sum(plain(at), software(at)) : plain(at);
    }
    switch (kernel.symbolAt(function64)?.name) {
      case "dev_get_tstats64":
        return sum(plain(at), software(at));
      case "loopback_get_stats64":
        return loopback(at);
      default:
        return null;
    }
  };
}

const NOTHING: NetDeviceStatistics = { rxBytes: 0, rxPackets: 0, txBytes: 0, txPackets: 0 };

function sum(a: NetDeviceStatistics, b: NetDeviceStatistics): NetDeviceStatistics {
  return {
    rxBytes: a.rxBytes + b.rxBytes,
    rxPackets: a.rxPackets + b.rxPackets,
    txBytes: a.txBytes + b.txBytes,
    txPackets: a.txPackets + b.txPackets,
  };
}

function plainStatistics(kernel: KernelReader): Accessor<NetDeviceStatistics> {
  const device = kernel.struct("net_device");
  const rxBytes = device.number("stats.rx_bytes");
  const rxPackets = device.number("stats.rx_packets");
  const txBytes = device.number("stats.tx_bytes");
  const txPackets = device.number("stats.tx_packets");
  return (at) => ({
    rxBytes: rxBytes(at),
    rxPackets: rxPackets(at),
    txBytes: txBytes(at),
    txPackets: txPackets(at),
  });
}

/** `pcpu_sw_netstats`, summed over the processors: `dev_fetch_sw_netstats`. */
function softwareStatistics(kernel: KernelReader): Accessor<NetDeviceStatistics> {
  const counters = kernel.struct("pcpu_sw_netstats");
  const rxBytes = counters.number("rx_bytes");
  const rxPackets = counters.number("rx_packets");
  const txBytes = counters.number("tx_bytes");
  const txPackets = counters.number("tx_packets");
  return perProcessor(kernel, "tstats", (at) => ({
    rxBytes: rxBytes(at),
    rxPackets: rxPackets(at),
    txBytes: txBytes(at),
    txPackets: txPackets(at),
  }));
}

/** `pcpu_lstats`: what loopback sends it receives. */
function loopbackStatistics(kernel: KernelReader): Accessor<NetDeviceStatistics> {
  const counters = kernel.struct("pcpu_lstats");
  const bytes = counters.number("bytes");
  const packets = counters.number("packets");
  return perProcessor(kernel, "lstats", (at) => ({
    rxBytes: bytes(at),
    rxPackets: packets(at),
    txBytes: bytes(at),
    txPackets: packets(at),
  }));
}

function perProcessor(
  kernel: KernelReader,
  member: string,
  read: Accessor<NetDeviceStatistics>,
): Accessor<NetDeviceStatistics> {
  const counters = kernel.struct("net_device").pointer(member);
  const cpus = kernel.onlineCpus();
  return (at: Gva) => {
    const variable = counters(at);
    if (variable === 0n) return NOTHING;
    return cpus.reduce((total, cpu) => sum(total, read(kernel.perCpu(variable, cpu))), NOTHING);
  };
}
