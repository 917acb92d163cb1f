import assert from "node:assert/strict";
import { test } from "node:test";
import { scanFiles } from "../system.fixture.ts";
import { kernelModules } from "./kernel-modules.ts";
import { kernels } from "./kernels.ts";

/** A bzImage as far as it says what it is (Documentation/arch/x86/boot.rst). */
function makeImage(banner: string): Buffer {
  const image = Buffer.alloc(4096);
  image.write("HdrS", 0x202, "latin1");
  image.writeUInt16LE(0x400, 0x20e);
  image.write(`${banner}\0`, 0x600, "latin1");
  return image;
}

const OLD = makeImage("6.1.0-18-amd64 (debian@lists) #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1");
const NEW = makeImage("6.1.0-22-amd64 (debian@lists) #1 SMP PREEMPT_DYNAMIC Debian 6.1.94-1");
const DEBIAN = {
  "/boot/vmlinuz-6.1.0-18-amd64": OLD,
  "/boot/vmlinuz-6.1.0-22-amd64": NEW,
  "/boot/vmlinuz": { link: "vmlinuz-6.1.0-22-amd64" },
  "/usr/lib/modules/6.1.0-22-amd64/kernel/fs/ext4/ext4.ko.xz": "module",
  "/usr/lib/modules/6.1.0-22-amd64/updates/dkms/out-of-tree.ko": "module",
  "/lib": { link: "usr/lib" },
} as const;

/** As grub-mkconfig 2.06 of Debian 12 writes it, without what decides nothing here. */
const grub = (fallback: string) => `
if [ "\${next_entry}" ] ; then
   set default="\${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="${fallback}"
fi
function gfxmode {
	set gfxpayload="\${1}"
}
menuentry 'Debian GNU/Linux' --class debian --class os $menuentry_id_option 'gnulinux-simple' {
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	search --no-floppy --fs-uuid --set=root 5ca5
	linux	/boot/vmlinuz-6.1.0-22-amd64 root=UUID=5ca5 ro quiet
	initrd	/boot/initrd.img-6.1.0-22-amd64
}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced' {
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-22-amd64' $menuentry_id_option 'gnulinux-22' {
		linux	/boot/vmlinuz-6.1.0-22-amd64 root=UUID=5ca5 ro
	}
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-18-amd64' $menuentry_id_option 'gnulinux-18' {
		linux	/boot/vmlinuz-6.1.0-18-amd64 root=UUID=5ca5 ro
	}
}
`;

function findDefault(files: Parameters<typeof scanFiles>[1]): readonly string[] {
  const { rows, missed } = scanFiles({ collector: kernels }, files);
  assert.deepEqual(missed, []);
  return rows
    .filter(({ isDefault }) => isDefault)
    .map(({ path, defaultBy }) => `${path} ${defaultBy}`);
}

test("kernels: each image once, by what it says of itself", () => {
  const { rows } = scanFiles({ collector: kernels }, DEBIAN);
  assert.deepEqual(rows, [
    {
      path: "/boot/vmlinuz-6.1.0-18-amd64",
      release: "6.1.0-18-amd64",
      build: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1",
      size: OLD.length,
      hasModules: false,
      isDefault: false,
    },
    {
      path: "/boot/vmlinuz-6.1.0-22-amd64",
      release: "6.1.0-22-amd64",
      build: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.94-1",
      size: NEW.length,
      hasModules: true,
      isDefault: false,
    },
  ]);
});

test("kernels: GRUB's default by number, by submenu, and as it was saved", () => {
  const path = "/boot/grub/grub.cfg";
  const old = [`/boot/vmlinuz-6.1.0-18-amd64 ${path}`];
  const current = [`/boot/vmlinuz-6.1.0-22-amd64 ${path}`];
  assert.deepEqual(findDefault({ ...DEBIAN, [path]: grub("0") }), current);
  assert.deepEqual(findDefault({ ...DEBIAN, [path]: grub("1>1") }), old);
  assert.deepEqual(findDefault({ ...DEBIAN, [path]: grub("gnulinux-advanced>gnulinux-18") }), old);
  const saved = { ...DEBIAN, [path]: grub(`\${saved_entry}`) };
  const environment = "# GRUB Environment Block\nsaved_entry=gnulinux-advanced>gnulinux-18\n####";
  assert.deepEqual(findDefault({ ...saved, "/boot/grub/grubenv": environment }), old);
  assert.deepEqual(findDefault(saved), current);
});

test("kernels: GRUB with entries of the Boot Loader Specification, and systemd-boot", () => {
  const entry = (release: string) =>
    `title Fedora\nversion ${release}\nlinux /vmlinuz-${release}\noptions root=/dev/vda\n`;
  const files = {
    "/boot/vmlinuz-6.9.4-200.fc40.x86_64": makeImage("6.9.4-200.fc40.x86_64 (mock@fedora) #1 SMP"),
    "/boot/vmlinuz-6.10.3-200.fc40.x86_64": makeImage(
      "6.10.3-200.fc40.x86_64 (mock@fedora) #1 SMP",
    ),
    "/boot/loader/entries/0123-6.9.4-200.fc40.x86_64.conf": entry("6.9.4-200.fc40.x86_64"),
    "/boot/loader/entries/0123-6.10.3-200.fc40.x86_64.conf": entry("6.10.3-200.fc40.x86_64"),
  };
  const by = "/boot/grub2/grub.cfg";
  const config = `set default="\${saved_entry}"\ninsmod blscfg\nblscfg\n`;
  const newest = "/boot/vmlinuz-6.10.3-200.fc40.x86_64";
  const older = "/boot/vmlinuz-6.9.4-200.fc40.x86_64";
  assert.deepEqual(findDefault({ ...files, [by]: config }), [`${newest} ${by}`]);
  const saved = "saved_entry=0123-6.9.4-200.fc40.x86_64\n";
  assert.deepEqual(findDefault({ ...files, [by]: config, "/boot/grub2/grubenv": saved }), [
    `${older} ${by}`,
  ]);
  const loader = "/boot/loader/loader.conf";
  assert.deepEqual(findDefault({ ...files, [loader]: "timeout 3\n" }), [`${newest} ${loader}`]);
  assert.deepEqual(findDefault({ ...files, [loader]: "default *-6.9.*\n" }), [
    `${older} ${loader}`,
  ]);
});

test("kernels: EXTLINUX's default label, and unified kernel images", () => {
  const by = "/boot/extlinux.conf";
  const config =
    "DEFAULT old\nLABEL new\n  LINUX vmlinuz-6.1.0-22-amd64\nLABEL old\n  KERNEL vmlinuz-6.1.0-18-amd64\n";
  assert.deepEqual(findDefault({ ...DEBIAN, [by]: config }), [
    `/boot/vmlinuz-6.1.0-18-amd64 ${by}`,
  ]);
  const { rows } = scanFiles({ collector: kernels }, { "/efi/EFI/Linux/arch-6.9.efi": "MZ" });
  assert.deepEqual(
    rows.map(({ path, release }) => [path, release]),
    [["/efi/EFI/Linux/arch-6.9.efi", "arch-6.9"]],
  );
});

test("kernelModules: modules of each release, by the names that lsmod gives them", () => {
  const { rows } = scanFiles({ visitor: kernelModules }, DEBIAN);
  assert.deepEqual(rows.map(({ release, name }) => [release, name]).sort(), [
    ["6.1.0-22-amd64", "ext4"],
    ["6.1.0-22-amd64", "out_of_tree"],
  ]);
});
