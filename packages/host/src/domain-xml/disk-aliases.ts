import { attributeOf, childElements, elementAt } from "@casemate/formats";
import { parseDomainXml } from "./parse-domain-xml.ts";

/**
 * What libvirt calls the device of each disk of a running VM in QEMU, by the disk's target: `virtio-disk0` of
 * `vda`. Throws `definition/malformed`.
 */
export function readDiskAliases(xml: string): ReadonlyMap<string, string> {
  const devices = elementAt(parseDomainXml(xml), "devices");
  const disks = devices === undefined ? [] : childElements(devices, "disk");
  return new Map(
    disks.flatMap((disk) => {
      const target = attributeOf(elementAt(disk, "target"), "dev");
      const alias = attributeOf(elementAt(disk, "alias"), "name");
      return target === undefined || alias === undefined ? [] : [[target, alias] as const];
    }),
  );
}
