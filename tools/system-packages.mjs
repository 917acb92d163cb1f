/**
 * Debian packages that Casemate and its lab use, with what each is for.
 * The same names serve Debian 12 and 13.
 * @type {Readonly<Record<string, string>>}
 */
export const systemPackages = Object.freeze({
  "qemu-system-x86": "runs guests",
  "qemu-system-common": "qemu-storage-daemon: reads disk images of other makers",
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
  "debian-archive-keyring": "the keys that Debian's archive is signed with",
});

/**
 * What only the tests use besides: tools that make what Casemate reads, and say what is right.
 * @type {Readonly<Record<string, string>>}
 */
export const testPackages = Object.freeze({
  fdisk: "sfdisk: partitions the disks that the tests read",
  "btrfs-progs": "makes and checks the btrfs file systems that the tests read",
  xfsprogs: "makes and checks the XFS file systems that the tests read",
  dosfstools: "makes and checks the FAT file systems that the tests read",
  mtools: "puts files on them without mounting",
  "squashfs-tools": "makes and reads the squashfs file systems that the tests read",
  lvm2: "pvck: checks the physical volumes that the tests read",
  "thin-provisioning-tools": "makes the thin pools that the tests read",
  "cryptsetup-bin": "makes the LUKS volumes that the tests read",
  "xz-utils": "compresses what the tests expand",
  lz4: "compresses what the tests expand",
  rpm: "makes package databases for the tests",
  "openssh-client": "ssh-keygen: what the tests compare fingerprints with",
  openssl: "makes certificates for the tests",
  "dpkg-dev": "Dpkg::Version: what the tests compare versions with",
  "apt-utils": "apt-ftparchive: makes the archives that the tests read",
  gnupg: "signs them",
  gpgv: "says for the tests which signatures are good",
  zstd: "compresses what the tests expand",
  "python3-packaging": "what the tests compare Python's versions with",
  cpio: "reads the lab's initramfs back in the tests",
  gcc: "builds the kernel module that the detectors must find",
  "linux-libc-dev": "the numbers of system calls that the tests compare with",
  "chromium-headless-shell": "makes passkeys as browsers do",
});
