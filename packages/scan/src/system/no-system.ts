import { CasemateError } from "@casemate/core";
import { type FileNode, FileSystem } from "@casemate/formats/disk";

/** What is looked at where no system is on the disks: nothing. */
export function emptyTree(): FileSystem {
  const wrong = () =>
    new CasemateError("disk/not-found", "Cannot read /: it is a directory, expected another type.");
  const root: FileNode = {
    stat: {
      ...{ inode: 1, type: "directory", mode: 0o755, uid: 0, gid: 0, size: 0, links: 2 },
      ...{ modifiedMs: 0, changedMs: 0, encrypted: false },
    },
    entries: () => [],
    contents: () => {
      throw wrong();
    },
    target: () => {
      throw wrong();
    },
  };
  return new FileSystem({ type: "none", label: "", uuid: "", isDirty: false, root });
}
