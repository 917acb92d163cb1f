import { type Bytes, CasemateError, KiB, MiB } from "@casemate/core";
import { parseXml } from "../xml/parse-xml.ts";
import { formatXml, makeElement } from "../xml/xml-tree.ts";
import { adapterWord, controllers, diskFormats, resourceType } from "./hardware.ts";
import type { MachineDescription, MachineDisk } from "./machine-description.ts";

type Element = ReturnType<typeof parseXml>;
type Make = (
  name: string,
  attributes?: Readonly<Record<string, string | number | undefined>>,
  ...children: readonly (Element | string | undefined)[]
) => Element;

const namespaces = {
  xmlns: "http://schemas.dmtf.org/ovf/envelope/1",
  "xmlns:ovf": "http://schemas.dmtf.org/ovf/envelope/1",
  "xmlns:rasd":
    "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData",
  "xmlns:vssd": "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData",
  "xmlns:vmw": "http://www.vmware.com/schema/ovf",
} as const;

/** ESXi takes nothing else than its own family, others take any; of this one on it has SATA. */
const virtualSystemType = "vmx-10";

/** CIM_OperatingSystem.OSType: Other. */
const otherSystem = 1;

/**
 * An OVF 1.1 descriptor (DSP0243 1.1) of one VM.
 *
 * @param sizes of the disks' files by name, in bytes. Throws `definition/malformed` for a name with
 * characters that XML does not have.
 */
export function formatDescriptor(
  machine: MachineDescription,
  sizes: ReadonlyMap<string, number>,
): string {
  const limits = {
    what: "a new descriptor",
    code: "package/malformed",
    maxCharacters: 32,
  } as const;
  const { ownerDocument: document } = parseXml("<Envelope/>", limits);
  if (document === null) throw new TypeError("A parsed element has its document.");
  const make: Make = (...args) => makeElement(document, ...args);
  const info = (text: string): Element => make("Info", {}, text);
  const { disks, nics } = machine;
  const files = [...new Set(disks.flatMap(({ file }) => file ?? []))];
  const networks = [...new Set(nics.map(({ network }) => network))];
  const envelope = make(
    "Envelope",
    namespaces,
    make(
      "References",
      {},
      ...files.map((file, index) =>
        make("File", {
          "ovf:href": encodeURIComponent(file),
          "ovf:id": `file${index + 1}`,
          "ovf:size": sizes.get(file),
        }),
      ),
    ),
    make(
      "DiskSection",
      {},
      info("Virtual disks"),
      ...disks.map((disk) => formatDisk(make, disk, files)),
    ),
    make(
      "NetworkSection",
      {},
      info("Networks"),
      ...networks.map((network) => make("Network", { "ovf:name": network })),
    ),
    make(
      "VirtualSystem",
      { "ovf:id": machine.name },
      info("A virtual machine"),
      make("Name", {}, machine.name),
      make("OperatingSystemSection", { "ovf:id": otherSystem }, info("The guest's system")),
      formatHardware(make, machine),
    ),
  );
  try {
    return `<?xml version="1.0" encoding="UTF-8"?>\n${formatXml(envelope)}\n`;
  } catch (cause) {
    throw new CasemateError(
      "definition/malformed",
      `Cannot describe VM ${JSON.stringify(machine.name)}: a name has characters that XML does not have, expected none.`,
      { cause },
    );
  }
}

function formatDisk(make: Make, disk: MachineDisk, files: readonly string[]): Element {
  const { id, file, capacity, format } = disk;
  return make("Disk", {
    "ovf:diskId": id,
    "ovf:fileRef": file === undefined ? undefined : `file${files.indexOf(file) + 1}`,
    "ovf:capacity": capacity,
    "ovf:capacityAllocationUnits": "byte",
    "ovf:format": format === "unknown" ? undefined : diskFormats[format].uri,
  });
}

function formatHardware(make: Make, machine: MachineDescription): Element {
  let instances = 0;
  /** The schema wants rasd's elements in the order of their names. */
  const item = (type: number, said: Readonly<Record<string, string | number | undefined>>) => {
    instances += 1;
    const all = { ...said, InstanceID: instances, ResourceType: type };
    const children = Object.entries(all)
      .filter(([, value]) => value !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => make(`rasd:${name}`, {}, String(value)));
    return { instance: instances, element: make("Item", {}, ...children) };
  };
  const processor = item(resourceType.processor, {
    AllocationUnits: "hertz * 10^6",
    ElementName: `${machine.vcpus} virtual CPUs`,
    VirtualQuantity: machine.vcpus,
  });
  const { quantity, units } = memoryUnits(machine.memory);
  const memory = item(resourceType.memory, {
    AllocationUnits: units,
    ElementName: "Memory",
    VirtualQuantity: quantity,
  });
  const drives: Element[] = [];
  const disks = machine.disks.map((disk, index) => ({ disk, index }));
  for (const [bus, onBus] of Map.groupBy(disks, ({ disk }) => disk.bus)) {
    const { type, subType, drives: most } = controllers[bus];
    let parent = 0;
    for (const [place, { disk, index }] of onBus.entries()) {
      if (place % most === 0) {
        const said = { Address: place / most, ElementName: bus, ResourceSubType: subType };
        const controller = item(type, said);
        drives.push(controller.element);
        parent = controller.instance;
      }
      const drive = item(resourceType.diskDrive, {
        AddressOnParent: place % most,
        ElementName: `Disk ${index + 1}`,
        HostResource: `ovf:/disk/${disk.id}`,
        Parent: parent,
      });
      drives.push(drive.element);
    }
  }
  const adapters = machine.nics.map(({ network, model, mac }, index) =>
    item(resourceType.ethernetAdapter, {
      Address: mac,
      AutomaticAllocation: "true",
      Connection: network,
      ElementName: `Network adapter ${index + 1}`,
      ResourceSubType: model === undefined ? undefined : adapterWord(model),
    }),
  );
  return make(
    "VirtualHardwareSection",
    {},
    make("Info", {}, "Virtual hardware"),
    make(
      "System",
      {},
      make("vssd:ElementName", {}, "Virtual hardware"),
      make("vssd:InstanceID", {}, "0"),
      make("vssd:VirtualSystemIdentifier", {}, machine.name),
      make("vssd:VirtualSystemType", {}, virtualSystemType),
    ),
    processor.element,
    memory.element,
    ...drives,
    ...adapters.map(({ element }) => element),
    make("vmw:Config", {
      "ovf:required": "false",
      "vmw:key": "firmware",
      "vmw:value": machine.firmware,
    }),
  );
}

/** Whole mebibytes where it is: some readers know nothing else. */
function memoryUnits(memory: Bytes): { readonly quantity: number; readonly units: string } {
  if (memory % MiB === 0) return { quantity: memory / MiB, units: "byte * 2^20" };
  if (memory % KiB === 0) return { quantity: memory / KiB, units: "byte * 2^10" };
  return { quantity: memory, units: "byte" };
}
