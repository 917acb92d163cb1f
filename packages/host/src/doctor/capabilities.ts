import { confinement } from "./capabilities/confinement.ts";
import { cpuVulnerabilities } from "./capabilities/cpu-vulnerabilities.ts";
import { diskSpace } from "./capabilities/disk-space.ts";
import { guestMemory } from "./capabilities/guest-memory.ts";
import { kvm } from "./capabilities/kvm.ts";
import { labTools } from "./capabilities/lab-tools.ts";
import { libvirt } from "./capabilities/libvirt.ts";
import { libvirtDaemon } from "./capabilities/libvirt-daemon.ts";
import { networkNamespaces } from "./capabilities/network-namespaces.ts";
import { nftables } from "./capabilities/nftables.ts";
import { node } from "./capabilities/node.ts";
import { otherImages } from "./capabilities/other-images.ts";
import { qemu } from "./capabilities/qemu.ts";
import { swap } from "./capabilities/swap.ts";
import { tun } from "./capabilities/tun.ts";
import { vtpm } from "./capabilities/vtpm.ts";
import type { Capability } from "./capability.ts";

/** What `casemate doctor` tries, in the order it tells. */
export const capabilities: readonly Capability[] = [
  kvm,
  qemu,
  otherImages,
  libvirt,
  libvirtDaemon,
  guestMemory,
  vtpm,
  nftables,
  networkNamespaces,
  tun,
  diskSpace,
  swap,
  labTools,
  node,
  confinement,
  cpuVulnerabilities,
];
