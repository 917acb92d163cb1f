import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes } from "@casemate/core";
import fc from "fast-check";
import { formatDescriptor } from "./format-descriptor.ts";
import type { MachineDescription, MachineDisk } from "./machine-description.ts";
import { parseDescriptor } from "./parse-descriptor.ts";

/** Words as people give them: what XML calls white space at their ends is not part of them. */
const word = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
  .filter((text) => text === text.trim() && !/[\p{C}\p{Z}]/u.test(text.replaceAll(" ", "")));
const fileName = word.filter((text) => !/[/\\]/.test(text) && text !== "." && text !== "..");
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((octets) => [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join(":"));
const plain = { noNullPrototype: true } as const; // a literal
const disk: fc.Arbitrary<Omit<MachineDisk, "id">> = fc.record(
  {
    file: fc.option(fileName, { nil: undefined }),
    capacity: fc.integer({ min: 1, max: 2 ** 50 }).map(bytes),
    format: fc.constantFrom("vmdk", "qcow2", "raw", "unknown"),
    bus: fc.constantFrom("ide", "scsi", "sata", "virtio"),
  },
  plain,
);
const machine: fc.Arbitrary<MachineDescription> = fc
  .record(
    {
      name: word,
      memory: fc.integer({ min: 1, max: 2 ** 45 }).map(bytes),
      vcpus: fc.integer({ min: 1, max: 4096 }),
      firmware: fc.constantFrom("bios", "efi"),
      disks: fc.array(disk, { maxLength: 8 }),
      nics: fc.array(
        fc.record(
          {
            network: word,
            model: fc.constantFrom("virtio", "e1000", "e1000e", "vmxnet3", "pcnet", undefined),
            mac: fc.option(mac, { nil: undefined }),
          },
          plain,
        ),
        { maxLength: 8 },
      ),
    },
    plain,
  )
  .map((one) => ({
    ...one,
    disks: one.disks.map((stated, index) => ({ id: `disk${index}`, ...stated })),
  }));

const bare: MachineDescription = {
  ...{ name: "bare", memory: bytes(1), vcpus: 1, firmware: "bios", disks: [], nics: [] },
};

/** A descriptor has its drives behind their controllers. */
function byBus({ disks, ...rest }: MachineDescription): MachineDescription {
  return { ...rest, disks: [...Map.groupBy(disks, ({ bus }) => bus).values()].flat() };
}

test("formatDescriptor: what it writes is read as the same machine and files", () => {
  fc.assert(
    fc.property(machine, fc.nat(), (told, size) => {
      const names = [...new Set(told.disks.flatMap(({ file }) => file ?? []))];
      const sizes = new Map(names.map((name, index) => [name, size + index]));
      const { machine: read, files } = parseDescriptor(formatDescriptor(told, sizes));
      assert.deepEqual(read, byBus(told));
      assert.deepEqual(
        files,
        names.map((name) => ({ name, size: sizes.get(name) })),
      );
    }),
    { numRuns: 80, examples: [[{ ...bare, name: "\ufffd! <&>" }, 0]] },
  );
});

test("formatDescriptor: a name that XML cannot hold is refused", () => {
  const told = { memory: bytes(1), vcpus: 1, firmware: "bios", disks: [], nics: [] } as const; // literals
  assert.throws(() => formatDescriptor({ ...told, name: "a\u0001b" }, new Map()), {
    code: "definition/malformed",
  });
});
