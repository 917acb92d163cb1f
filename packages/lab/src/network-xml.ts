import { type GuestPlan, labNetwork } from "./lab-guests.ts";
import { element, formatXml } from "./xml.ts";

/**
 * The lab's network in libvirt's XML: a bridge with DHCP and DNS. It leads nowhere, for it is in a network
 * namespace without a way out; `open` because there is then nothing to filter.
 */
export function formatNetworkXml(guests: readonly GuestPlan[]): string {
  const { name, bridge, domain, address, prefix } = labNetwork;
  const hosts = guests.map((guest) =>
    element("host", { mac: guest.mac, name: guest.name, ip: guest.address }),
  );
  const last = address.replace(/\d+$/, "254");
  const range = element("range", { start: address.replace(/\d+$/, "100"), end: last });
  return formatXml(
    element(
      "network",
      {},
      element("name", {}, name),
      element("forward", { mode: "open" }),
      element("bridge", { name: bridge, stp: "off", delay: "0" }),
      element("domain", { name: domain, localOnly: "yes" }),
      element("ip", { address, prefix }, element("dhcp", {}, range, ...hosts)),
    ),
  );
}
