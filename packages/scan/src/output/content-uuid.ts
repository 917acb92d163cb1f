import { createHash } from "node:crypto";
import type { JsonObject } from "@casemate/core";

/** A UUID that follows from a document, so that equal documents have the same: version 8 (RFC 9562, 5.8). */
export function contentUuid(document: JsonObject): string {
  const bytes = createHash("sha256").update(JSON.stringify(document)).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
