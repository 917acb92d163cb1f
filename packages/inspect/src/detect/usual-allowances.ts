import type { Allowances } from "./detector.ts";

/** What distributions' own programs do on servers that nobody attacks. */
export const usualAllowances: Allowances = {
  // DHCP, LLDP, ARP, VRRP and ping have no other way.
  rawSockets: [
    "arping",
    "avahi-autoipd",
    "dhclient",
    "dhcpcd",
    "dnsmasq",
    "keepalived",
    "lldpd",
    "NetworkManager",
    "ping",
    "radvd",
    "systemd-networkd",
    "udhcpc",
  ],
  // Runtimes with a compiler in them.
  codeMakers: ["dotnet", "java", "luajit", "node", "nodejs", "php", "qemu-system-x86_64", "ruby"],
};
