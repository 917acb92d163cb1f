/**
 * Debian packages that Casemate, its lab and its tests use, with what each is for.
 * The same names serve Debian 12 and 13.
 * @type {Readonly<Record<string, string>>}
 */
export const systemPackages = Object.freeze({
  "qemu-system-x86": "runs guests",
  "qemu-utils": "qemu-img: makes and checks disk images",
  "libvirt-daemon-system": "libvirtd and its configuration",
  "libvirt-clients": "virsh: what the tests do past Casemate",
  libvirt0: "the libvirt library that Casemate calls",
  swtpm: "software TPMs for guests",
  "swtpm-tools": "makes their certificates",
  nftables: "network isolation",
  iproute2: "network namespaces and bridges",
  "dnsmasq-base": "DHCP on libvirt's networks",
  tini: "first process of the lab's namespaces",
  mmdebstrap: "builds the lab's guest image from Debian's packages",
  e2fsprogs: "makes its file system without mounting",
  "xz-utils": "compresses what the tests expand",
  lz4: "compresses what the tests expand",
  cpio: "reads the lab's initramfs back in the tests",
});
