import type { MachineDisk } from "./machine-description.ts";

/** CIM_ResourceAllocationSettingData.ResourceType (DSP0004's schema), as DSP0243 table 6 uses it. */
export const resourceType = {
  processor: 3,
  memory: 4,
  ideController: 5,
  scsiController: 6,
  ethernetAdapter: 10,
  diskDrive: 17,
  otherStorage: 20,
} as const;

interface Controller {
  readonly type: number;
  /** The word that most readers know. */
  readonly subType: string;
  /** How many drives one takes everywhere: a SCSI controller is itself at 7. */
  readonly drives: number;
}

/** How a descriptor says which bus a disk is on: by its controller. */
export const controllers: Readonly<Record<MachineDisk["bus"], Controller>> = {
  ide: { type: resourceType.ideController, subType: "PIIX4", drives: 2 },
  scsi: { type: resourceType.scsiController, subType: "lsilogic", drives: 7 },
  sata: { type: resourceType.otherStorage, subType: "vmware.sata.ahci", drives: 30 },
  virtio: { type: resourceType.scsiController, subType: "VirtioSCSI", drives: 7 },
};

/** The bus of a controller; undefined for what is none of disks. */
export function busOf(type: number, subType: string): MachineDisk["bus"] | undefined {
  switch (type) {
    case resourceType.ideController:
      return "ide";
    case resourceType.scsiController:
      return /virtio/i.test(subType) ? "virtio" : "scsi";
    case resourceType.otherStorage:
      return /virtio/i.test(subType) ? "virtio" : "sata";
    default:
      return undefined;
  }
}

/** QEMU's words for adapters, and those of descriptors; of several the first is written. */
const adapters: readonly (readonly [model: string, ...words: readonly string[]])[] = [
  ["virtio", "virtio", "VirtioNet"],
  ["e1000", "E1000"],
  ["e1000e", "E1000e"],
  ["vmxnet3", "VmxNet3"],
  ["pcnet", "PCNet32", "Flexible", "VmxNet", "VmxNet2"],
  ["rtl8139", "rtl8139"],
];

export function adapterWord(model: string): string {
  return adapters.find(([known]) => known === model)?.[1] ?? model;
}

/** QEMU's word; undefined for an adapter that it does not have. */
export function adapterModel(word: string): string | undefined {
  const lower = word.toLowerCase().replace(/^virtual(?=[epv])/, "");
  const known = adapters.find(([, ...words]) => words.some((one) => one.toLowerCase() === lower));
  return known?.[0];
}

/** What a disk's format is called: the URI that is written, and what tells it in others'. */
export const diskFormats = {
  vmdk: {
    uri: "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized",
    pattern: /vmdk/i,
  },
  qcow2: {
    uri: "http://www.gnome.org/~markmc/qcow-image-format.html",
    pattern: /qcow/i,
  },
  raw: { uri: "urn:casemate:disk-format:raw", pattern: /raw/i },
} as const;
