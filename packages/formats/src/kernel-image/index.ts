export { type CodeAddress, fromCodeAddress, toCodeAddress } from "./code-address.ts";
export type { KaslrRelocations } from "./kaslr-relocations.ts";
export { type KernelCode, parseKernelCode } from "./kernel-code.ts";
export {
  parseRelocatable,
  type RelocatableFile,
  type RelocatableSection,
  type Relocation,
  SECTION_EXECUTED,
  SECTION_LOADED,
} from "./parse-relocatable.ts";
export {
  type Alternative,
  type JumpEntry,
  type ParavirtSite,
  type PlacedTable,
  parseAddresses,
  parseAlternatives,
  parseJumpTable,
  parseParavirtSites,
  parsePlaces,
  parseStaticCallSites,
  type StaticCallSite,
} from "./patch-tables.ts";
