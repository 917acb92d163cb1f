import { attributeOf, parseXml, textAt } from "@casemate/formats";
import type { StoragePool } from "../libvirt/storage-pool.ts";

/** A storage pool with what its definition says of it. */
export interface StoragePoolDescription extends StoragePool {
  /** `dir`, `fs`, `netfs`, `logical`, `iscsi`, `rbd`, … */
  readonly type: string;
  /** The host's directory that holds its volumes; undefined where it has none. */
  readonly path: string | undefined;
}

/** Throws `definition/malformed`. */
export function describePool(pool: StoragePool, xml: string): StoragePoolDescription {
  const what = `storage pool ${pool.name}`;
  const root = parseXml(xml, { what, code: "definition/malformed", maxCharacters: 256 * 1024 });
  return {
    ...pool,
    type: attributeOf(root, "type") ?? "",
    path: textAt(root, "target", "path"),
  };
}
