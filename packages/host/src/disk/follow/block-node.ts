/** A dirty bitmap that QEMU keeps. */
export interface NodeBitmap {
  readonly name: string;
  /** How many bytes it says were written to. */
  readonly count: number;
}

/** What a VM's disk writes to, as QEMU tells of it. */
export interface BlockNode {
  /** The disk's device: its id, or a path with it. */
  readonly device: string;
  readonly node: string;
  /** In bytes. */
  readonly size: number;
  readonly bitmaps: readonly NodeBitmap[];
}

const MOST = 4096;

/**
 * The nodes in an answer to QMP `query-block` (qapi/block-core.json, BlockInfo and BlockDeviceInfo), empty
 * drives left out. HOSTILE: a QEMU that its guest broke out of may say anything.
 */
export function parseBlockNodes(answer: unknown): readonly BlockNode[] {
  return listOf(answer).flatMap((item) => {
    const { qdev, inserted } = recordOf(item);
    const { "node-name": node, image, "dirty-bitmaps": bitmaps } = recordOf(inserted);
    const size = recordOf(image)["virtual-size"];
    if (typeof qdev !== "string" || typeof node !== "string" || typeof size !== "number") return [];
    return [{ device: qdev, node, size, bitmaps: parseBitmaps(bitmaps) }];
  });
}

function parseBitmaps(value: unknown): readonly NodeBitmap[] {
  return listOf(value).flatMap((item) => {
    const { name, count } = recordOf(item);
    return typeof name === "string" && typeof count === "number" ? [{ name, count }] : [];
  });
}

/** The bitmaps in an answer to QMP `query-named-block-nodes`, and the nodes that they are on. HOSTILE: as above. */
export function parseNodeBitmaps(
  answer: unknown,
): readonly { readonly node: string; readonly name: string }[] {
  return listOf(answer).flatMap((item) => {
    const { "node-name": node, "dirty-bitmaps": bitmaps } = recordOf(item);
    if (typeof node !== "string") return [];
    return parseBitmaps(bitmaps).map(({ name }) => ({ node, name }));
  });
}

const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value.slice(0, MOST) : [];

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {};
