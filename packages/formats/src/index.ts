export { expandXz } from "./compression/xz.ts";
export { formatDescriptor } from "./ovf/format-descriptor.ts";
export type { MachineDescription, MachineDisk, MachineNic } from "./ovf/machine-description.ts";
export { type FileDigest, formatManifest, parseManifest } from "./ovf/manifest.ts";
export { maxDescriptorCharacters, parseDescriptor } from "./ovf/parse-descriptor.ts";
export { readTar } from "./ovf/read-tar.ts";
export { formatTarHeader, parseTarHeader, TAR_BLOCK_BYTES } from "./ovf/tar-header.ts";
export { parseXml, type XmlLimits } from "./xml/parse-xml.ts";
export {
  attributeOf,
  childElements,
  elementAt,
  formatXml,
  makeElement,
  textAt,
} from "./xml/xml-tree.ts";
