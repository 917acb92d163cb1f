import { fastUnderTcg } from "./fast-under-tcg.ts";
import { type GuestPlan, labNetwork } from "./lab-guests.ts";
import { element, formatXml, type XmlElement } from "./xml.ts";

/** What a guest runs on. */
export interface DomainFiles {
  readonly vmlinuz: string;
  readonly initramfs: string;
  readonly disk: string;
  /** Unix socket of the root shell on the second serial line. */
  readonly consoleSocket: string;
  /** File that takes what the kernel says on the first serial line. */
  readonly bootLog: string;
}

/** A lab guest in libvirt's XML. */
export function formatDomainXml(
  guest: GuestPlan,
  files: DomainFiles,
  accelerator: "kvm" | "tcg",
): string {
  const kvm = accelerator === "kvm";
  const cmdline = [
    // Without the self-tests of the kernel's ciphers: a sixth of the boot under TCG.
    "console=ttyS0 quiet cryptomgr.notests root=/dev/vda",
    `casemate.hostname=${guest.name} casemate.role=${guest.role}`,
    ...(kvm ? [] : [fastUnderTcg.cmdline]),
  ].join(" ");
  return formatXml(
    element(
      "domain",
      { type: kvm ? "kvm" : "qemu" },
      element("name", {}, guest.name),
      element("uuid", {}, guest.uuid),
      element("genid"),
      element("title", {}, `Casemate lab: ${guest.role} server`),
      element("memory", { unit: "MiB" }, String(guest.memoryMiB)),
      element("memoryBacking", {}, element("source", { type: "memfd" }), shared()),
      element("vcpu", {}, "1"),
      element(
        "os",
        {},
        element("type", { arch: "x86_64", machine: "q35" }, "hvm"),
        element("kernel", {}, files.vmlinuz),
        element("initrd", {}, files.initramfs),
        element("cmdline", {}, cmdline),
      ),
      element("features", {}, element("acpi"), element("apic")),
      kvm
        ? element("cpu", { mode: "host-passthrough" })
        : // QEMU 7.2 breaks the flags of cmpxchg16b, and kernels that use it crash now and then.
          element(
            "cpu",
            { mode: "maximum" },
            element("feature", { policy: "disable", name: "cx16" }),
            element("feature", { policy: "disable", name: fastUnderTcg.disabled }),
          ),
      element("clock", { offset: "utc" }),
      element("on_poweroff", {}, "destroy"),
      element("on_reboot", {}, "restart"),
      element("on_crash", {}, "destroy"),
      element("devices", {}, ...formatDevices(guest, files)),
    ),
  );
}

function shared(): XmlElement {
  return element("access", { mode: "shared" });
}

function formatDevices(guest: GuestPlan, files: DomainFiles): XmlElement[] {
  return [
    element("emulator", {}, "/usr/bin/qemu-system-x86_64"),
    element(
      "disk",
      { type: "file", device: "disk" },
      element("driver", { name: "qemu", type: "qcow2", discard: "unmap" }),
      element("source", { file: files.disk }),
      element("target", { dev: "vda", bus: "virtio" }),
    ),
    element(
      "interface",
      { type: "network" },
      element("mac", { address: guest.mac }),
      element("source", { network: labNetwork.name }),
      element("model", { type: "virtio" }),
    ),
    element(
      "serial",
      { type: "file" },
      element("source", { path: files.bootLog }),
      element("target", { type: "isa-serial", port: "0" }),
    ),
    element(
      "serial",
      { type: "unix" },
      element("source", { mode: "bind", path: files.consoleSocket }),
      element("target", { type: "isa-serial", port: "1" }),
    ),
    element("rng", { model: "virtio" }, element("backend", { model: "random" }, "/dev/urandom")),
    element("controller", { type: "usb", model: "none" }),
  ];
}
