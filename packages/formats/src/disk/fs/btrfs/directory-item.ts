import { decodeName } from "../decode-name.ts";
import { damaged } from "./btrfs-error.ts";
import { KEY_BYTES, parseKey, type TreeKey } from "./tree-key.ts";

/** Linux 6.12, include/uapi/linux/btrfs_tree.h, `struct btrfs_dir_item`: location, transid, lengths, type. */
const HEADER_BYTES = 30;
const DATA_LENGTH_AT = KEY_BYTES + 8;
const NAME_LENGTH_AT = DATA_LENGTH_AT + 2;
const MAX_NAME = 255;

/** A name, and the key of the inode or of the subvolume that it leads to. */
export interface NamedItem {
  readonly name: string;
  readonly location: TreeKey;
}

/** The names of an item: one in an index, all of one hash elsewhere. HOSTILE: each must end within it. */
export function* walkDirectoryItem(bytes: Buffer, what: string): Generator<NamedItem> {
  for (let at = 0; at < bytes.length; ) {
    const start = at + HEADER_BYTES;
    const isWhole = start <= bytes.length;
    const length = isWhole ? bytes.readUInt16LE(at + NAME_LENGTH_AT) : 0;
    const end = start + length + (isWhole ? bytes.readUInt16LE(at + DATA_LENGTH_AT) : 0);
    if (length === 0 || length > MAX_NAME || end > bytes.length) {
      const seen = `an entry of ${bytes.length - at} bytes with a name of ${length}`;
      throw damaged(what, seen, "names that end within their item");
    }
    const name = decodeName(bytes, start, start + length);
    yield { name, location: parseKey(bytes, at) };
    at = end;
  }
}
