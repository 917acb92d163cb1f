import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { parseDescriptor } from "./parse-descriptor.ts";

const namespaces = `xmlns="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:vmw="http://www.vmware.com/schema/ovf"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
  xmlns:vbox="http://www.virtualbox.org/ovf/machine"`;

const item = (type: number, more: string) =>
  `<Item><rasd:ResourceType>${type}</rasd:ResourceType>${more}</Item>`;
const quantity = (number: string | number) =>
  `<rasd:VirtualQuantity>${number}</rasd:VirtualQuantity>`;

const parts = {
  references: `<References><File ovf:id="file1" ovf:href="my%20vm-disk1.vmdk" ovf:size="68096"/></References>`,
  disks: `<DiskSection><Info/><Disk ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:capacity="8"
    ovf:capacityAllocationUnits="byte * 2^30" ovf:populatedSize="0"
    ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/></DiskSection>`,
  name: "<Name>my vm</Name>",
  memory: item(4, `<rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>${quantity(2048)}`),
  processor: item(3, quantity(2)),
  controller: item(
    6,
    "<rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>lsilogic</rasd:ResourceSubType>",
  ),
  drive: item(
    17,
    "<rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource><rasd:Parent>3</rasd:Parent>",
  ),
  nic: item(
    10,
    "<rasd:Connection>VM Network</rasd:Connection><rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType>",
  ),
  config: `<vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>`,
  after: "",
};

/** As ESXi writes it, with some parts otherwise. */
function descriptor(otherwise: Partial<typeof parts> = {}): string {
  const { references, disks, name, after, ...hardware } = { ...parts, ...otherwise };
  return `<?xml version="1.0" encoding="UTF-8"?>
    <Envelope vmw:buildId="build-1" ${namespaces}>${references}${disks}
      <NetworkSection><Info/><Network ovf:name="VM Network"/></NetworkSection>
      <VirtualSystem ovf:id="vm"><Info/>${name}
        <VirtualHardwareSection><Info/>${Object.values(hardware).join("")}</VirtualHardwareSection>
      </VirtualSystem>${after}
    </Envelope>`;
}

test("parseDescriptor: what VMware writes", () => {
  assert.deepEqual(parseDescriptor(descriptor()), {
    machine: {
      ...{ name: "my vm", memory: 2 ** 31, vcpus: 2, firmware: "efi" },
      disks: [
        ...[{ id: "vmdisk1", file: "my vm-disk1.vmdk", capacity: 2 ** 33, format: "vmdk" }],
      ].map((disk) => ({ ...disk, bus: "scsi" })),
      nics: [{ network: "VM Network", model: "vmxnet3", mac: undefined }],
    },
    files: [{ name: "my vm-disk1.vmdk", size: 68096 }],
  });
});

test("parseDescriptor: what VirtualBox writes", () => {
  const { machine } = parseDescriptor(
    descriptor({
      name: "",
      memory: item(4, `<rasd:AllocationUnits>MegaBytes</rasd:AllocationUnits>${quantity(512)}`),
      controller: item(
        20,
        "<rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>AHCI</rasd:ResourceSubType>",
      ),
      drive: item(
        17,
        "<rasd:HostResource>/disk/vmdisk1</rasd:HostResource><rasd:Parent>3</rasd:Parent>",
      ),
      nic: item(10, "<rasd:Connection>NAT</rasd:Connection>"),
      config: "",
    }),
  );
  assert.deepEqual(
    [machine.name, machine.memory, machine.firmware, machine.disks[0]?.bus, machine.nics[0]?.model],
    ["vm", 2 ** 29, "bios", "sata", undefined],
  );
});

const file = (attributes: string) =>
  `<References><File ovf:id="file1" ovf:href="a.vmdk" ${attributes}/></References>`;
const other = (attributes: string) =>
  `<DiskSection><Disk ovf:diskId="vmdisk1" ${attributes}/></DiskSection>`;

const refused: Readonly<Record<string, Partial<typeof parts>>> = {
  "no file beside it": { references: parts.references.replace("my%20vm", "..%2Fvm") },
  "a URL": { references: parts.references.replace("my%20vm", "https://example.org/vm") },
  "a hidden end": { references: parts.references.replace("my%20vm", "a%00b") },
  "a packed file": { references: file(`ovf:compression="gzip"`) },
  "a file in pieces": { references: file(`ovf:chunkSize="1000"`) },
  "two files with one id": {
    references: `<References>${`<File ovf:id="file1" ovf:href="a"/>`.repeat(2)}</References>`,
  },
  "a file's size that is none": { references: file(`ovf:size="-1"`) },
  "a disk of no file": { disks: other(`ovf:capacity="1" ovf:fileRef="file2"`) },
  "a disk on a disk": { disks: other(`ovf:capacity="1" ovf:parentRef="vmdisk0"`) },
  "a disk past all bounds": {
    disks: other(`ovf:capacity="9" ovf:capacityAllocationUnits="byte * 2^99"`),
  },
  "a disk without capacity": { disks: other(`ovf:capacity="\${property}"`) },
  "a drive for no disk": { disks: "" },
  "two drives for one disk": { drive: parts.drive.repeat(2) },
  "no memory": { memory: "" },
  "memory past all bounds": { memory: item(4, quantity("9".repeat(15))) },
  "memory in other units": {
    memory: item(4, `<rasd:AllocationUnits>pages</rasd:AllocationUnits>${quantity(1)}`),
  },
  "no CPU": { processor: item(3, quantity(0)) },
  "a name without end": { name: `<Name>${"a".repeat(300)}</Name>` },
  "too many adapters": { nic: parts.nic.repeat(65) },
  "two VMs": { after: `<VirtualSystem ovf:id="b"/>` },
  "a collection": { after: `<VirtualSystemCollection ovf:id="b"/>` },
};

for (const [what, otherwise] of Object.entries(refused)) {
  test(`parseDescriptor: ${what} is package/malformed`, () => {
    assert.throws(() => parseDescriptor(descriptor(otherwise)), { code: "package/malformed" });
  });
}

test("parseDescriptor: any damage gives a machine within bounds or package/malformed", () => {
  const whole = descriptor();
  const edits = fc.array(fc.tuple(fc.nat(whole.length), fc.nat(30), fc.string({ maxLength: 8 })), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(edits, (changes) => {
      let text = whole;
      for (const [at, length, put] of changes)
        text = text.slice(0, at) + put + text.slice(at + length);
      try {
        const { machine, files } = parseDescriptor(text);
        assert.ok(machine.memory > 0 && machine.vcpus > 0 && machine.name !== "");
        for (const { name } of files) assert.doesNotMatch(name, /^\.{0,2}$|[/\\]/);
      } catch (thrown) {
        if (!(thrown instanceof CasemateError)) throw thrown;
        assert.equal(thrown.code, "package/malformed");
      }
    }),
    { numRuns: 300 },
  );
});

test("parseDescriptor: entities, depths and sizes do nothing but end it", () => {
  const malformed = { code: "package/malformed" };
  const bomb = `<!DOCTYPE a [<!ENTITY a "aaaa">]>${descriptor().replace("my vm", "&a;")}`;
  const deep = descriptor({ after: "<a>".repeat(5_000) + "</a>".repeat(5_000) });
  for (const text of ["", "<a/>", bomb, deep, descriptor({ after: " ".repeat(2 ** 20) })]) {
    assert.throws(() => parseDescriptor(text), malformed);
  }
});
