/** One member of an archive; `content` is a file's bytes or a symbolic link's target. */
export interface CpioEntry {
  /** Path without a leading slash. */
  readonly path: string;
  /** Type and permission bits as in `st_mode`: 0o100755, 0o40755, 0o120777. */
  readonly mode: number;
  readonly content?: Uint8Array | undefined;
}

const directory = 0o40755;

/**
 * A "newc" cpio archive (Linux, Documentation/driver-api/early-userspace/buffer-format.rst): every
 * member owned by root and dated 0, missing parent directories added, so that equal entries make
 * equal bytes.
 */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const seen = new Set<string>();
  const parts: Buffer[] = [];
  let inode = 0;
  const member = ({ path, mode, content = new Uint8Array() }: CpioEntry): void => {
    const name = Buffer.from(`${path}\0`);
    inode += 1;
    // c_ino, c_mode, c_uid, c_gid, c_nlink, c_mtime, c_filesize, c_dev*, c_rdev*, c_namesize, c_chksum
    const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
    parts.push(padded(Buffer.concat([Buffer.from(header), name])), padded(Buffer.from(content)));
  };
  const parents = (path: string): void => {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    if (parent === "" || seen.has(parent)) return;
    parents(parent);
    seen.add(parent);
    member({ path: parent, mode: directory });
  };
  for (const entry of entries) {
    parents(entry.path);
    seen.add(entry.path);
    member(entry);
  }
  member({ path: "TRAILER!!!", mode: 0 });
  return Buffer.concat(parts);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
