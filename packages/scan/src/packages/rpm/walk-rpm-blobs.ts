import { CasemateError } from "@casemate/core";
import type { BlockReader } from "@casemate/formats/disk";
import { attempt } from "../../attempt.ts";
import type { Look } from "../../look.ts";
import { walkNdbBlobs } from "./ndb-database.ts";
import { walkSqliteBlobs } from "./sqlite-blobs.ts";

/** Where distributions have the database; one of the two is a link to the other, mostly. */
const DIRECTORIES = ["/usr/lib/sysimage/rpm", "/var/lib/rpm"] as const;

/** A package's header as rpm's database has it, not parsed, and the path of the database. */
export interface RpmBlob {
  readonly path: string;
  readonly blob: Buffer;
}

/** The headers of all installed packages. Throws `disk/*`, `scan/*` where a database cannot be read on. */
export function* walkRpmBlobs(look: Look): Generator<RpmBlob> {
  const seen = new Set<number>();
  for (const directory of DIRECTORIES) {
    for (const { path: name, walk } of FORMATS) {
      const path = `${directory}/${name}`;
      const file = open(look, path);
      if (file === undefined || seen.has(file.inode)) continue;
      seen.add(file.inode);
      const log = open(look, `${path}-wal`)?.reader;
      for (const blob of walk(file.reader, path, log)) yield { path, blob };
    }
  }
}

/** Each format of rpm's database by the name of its file (rpm, lib/backend). */
const FORMATS: readonly {
  readonly path: string;
  walk(file: BlockReader, path: string, log: BlockReader | undefined): Iterable<Buffer>;
}[] = [
  { path: "rpmdb.sqlite", walk: walkSqliteBlobs },
  { path: "Packages.db", walk: walkNdbBlobs },
  {
    path: "Packages",
    walk(_, path) {
      const seen = "it is a Berkeley DB";
      throw new CasemateError(
        "scan/unsupported",
        `Cannot read ${path}: ${seen}, expected rpm's database in SQLite or ndb.`,
      );
    },
  },
];

function open(look: Look, path: string) {
  const find = () => {
    const node = look.files.find(path);
    return { inode: node.stat.inode, reader: node.contents() };
  };
  return attempt(look, path, find, { mayBeAbsent: true });
}
