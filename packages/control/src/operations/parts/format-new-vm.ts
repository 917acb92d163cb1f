import { formatXml, makeElement, parseXml } from "@casemate/formats";
import { formatDevice } from "@casemate/host";
import type { NewVm } from "./new-vm.ts";

/** Slots of the guest's PCI Express bus that are free for disks and interfaces to come. */
const spareSlots = 8;

/** Where libvirt's definitions are read from text. */
const limits = {
  what: "a new VM's definition",
  code: "definition/malformed",
  maxCharacters: 1024 * 1024,
} as const;

/**
 * The definition of a new VM: a q35 machine with what every guest understands, a serial console, a screen
 * for this host alone, and memory that can be looked into without copying it.
 */
export function formatNewVm(vm: NewVm): string {
  const domain = parseXml(`<domain type="${vm.type}"/>`, limits);
  const document = domain.ownerDocument;
  if (document === null) return "";
  const make = makeElement.bind(undefined, document);
  const device = (xml: string) => document.importNode(parseXml(xml, limits), true);
  const sized = { unit: "b" };
  const children = [
    make("name", {}, vm.name),
    make("uuid", {}, vm.uuid),
    // libvirt chooses one, and another at each restore: the guest can notice that it was copied.
    make("genid"),
    make("memory", sized, String(vm.memory)),
    make(
      "memoryBacking",
      {},
      make("source", { type: "memfd" }),
      make("access", { mode: "shared" }),
    ),
    make("vcpu", {}, String(vm.vcpus)),
    make(
      "os",
      { firmware: vm.firmware === "efi" ? "efi" : undefined },
      make("type", { arch: "x86_64", machine: "q35" }, "hvm"),
      make("boot", { dev: "hd" }),
      make("boot", { dev: "cdrom" }),
    ),
    make("features", {}, make("acpi"), make("apic")),
    make("cpu", { mode: vm.type === "kvm" ? "host-model" : "maximum" }),
    make("clock", { offset: "utc" }),
    make(
      "devices",
      {},
      make("controller", { type: "pci", index: 0, model: "pcie-root" }),
      ...Array.from({ length: spareSlots }, (_, slot) =>
        make("controller", { type: "pci", index: slot + 1, model: "pcie-root-port" }),
      ),
      ...(vm.disks.some(({ bus }) => bus === "scsi")
        ? [make("controller", { type: "scsi", model: "virtio-scsi" })]
        : []),
      ...vm.disks.map(({ path, ...disk }) =>
        device(formatDevice({ kind: "disk", ...disk, path: path ?? undefined })),
      ),
      ...vm.nics.map((nic) => device(formatDevice({ kind: "interface", ...nic }))),
      make("serial", { type: "pty" }),
      make("console", { type: "pty" }),
      make("graphics", { type: "vnc", autoport: "yes", listen: "127.0.0.1" }),
      make("video", {}, make("model", { type: "vga" })),
      make("rng", { model: "virtio" }, make("backend", { model: "random" }, "/dev/urandom")),
    ),
  ];
  for (const child of children) domain.appendChild(child);
  return formatXml(domain);
}
