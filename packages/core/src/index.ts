export { apiVersion } from "./api-version.ts";
export { BinaryReader } from "./binary-reader.ts";
export type { Brand } from "./brand.ts";
export { CasemateError, toCasemateError } from "./casemate-error.ts";
export { type ErrorCode, type ErrorKind, errorCatalogue } from "./error-catalogue.ts";
export { ExitCode } from "./exit-code.ts";
export { isNonEmpty, type NonEmpty } from "./non-empty.ts";
export type { MemoryRange, PhysicalMemory } from "./physical-memory.ts";
export * from "./units.ts";
