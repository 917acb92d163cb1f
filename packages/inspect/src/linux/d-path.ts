import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { dDname } from "./d-dname.ts";

/** A `struct path`: a place in the tree of mounted file systems. */
export interface Path {
  /** Address of the `vfsmount`. */
  readonly mnt: Gva;
  readonly dentry: Gva;
}

/** The kernel's ways to write a path (fs/d_path.c). HOSTILE: names hold anything but "/" and NUL. */
export interface PathWriter {
  /**
   * `d_path`: the path from the root, with ` (deleted)` if it is unlinked. Where it does not lie below
   * the root, the path from where its own mounts begin.
   */
  dPath(path: Path): string;
  /** `__d_path`: the path from the root, unlinked or not; `undefined` where it does not lie below it. */
  pathBelowRoot(path: Path): string | undefined;
  /** `dentry_path`: the path from the root of its own file system, with `//deleted` if it is unlinked. */
  dentryPath(dentry: Gva): string;
}

/** A path without its last "/", and whether it begins at the root. */
interface Written {
  readonly text: string;
  readonly belowRoot: boolean;
}

/**
 * How many names above one are looked for, and how long a path may get: PATH_MAX, which directories can be
 * deeper than. HOSTILE: what goes on beyond is cut off at its beginning and shows as "/…".
 */
const MAX_DEPTH = 2048;
const MAX_LENGTH = 4096;
const CUT: Written = { text: "/…", belowRoot: true };

/** Writes paths as the kernel does for a process whose root is `root`. Make one for each look: it remembers. */
export function pathWriter(kernel: KernelReader, root: Path): PathWriter {
  const dentryType = kernel.struct("dentry");
  const name = dentryType.string("d_name.name");
  const parentOffset = dentryType.offset("d_parent");
  const hashed = dentryType.pointer("d_hash.pprev");
  const mount = kernel.struct("mount");
  const mountParent = mount.offset("mnt_parent");
  const mountpoint = mount.offset("mnt_mountpoint");
  const mntRoot = kernel.struct("vfsmount").pointer("mnt_root");
  const ownName = dDname(kernel);
  /** What was written so far: by mount, then by dentry. */
  const known = new Map<Gva, Map<Gva, Written>>();

  const isUnlinked = (dentry: Gva) =>
    hashed(dentry) === 0n && kernel.link(dentry, parentOffset) !== dentry;

  const write = (path: Path): Written => {
    const steps: { readonly path: Path; readonly name: string }[] = [];
    let at = path;
    let written: Written | undefined;
    while (written === undefined) {
      kernel.budget.step();
      const { mnt, dentry } = at;
      written = known.get(mnt)?.get(dentry);
      if (written !== undefined) break;
      if (dentry === root.dentry && mnt === root.mnt) {
        written = { text: "", belowRoot: true };
        break;
      }
      if (steps.length === MAX_DEPTH) {
        written = CUT;
        break;
      }
      if (dentry === mntRoot(mnt)) {
        const self = mount.containerOf(mnt, "mnt");
        const parent = kernel.link(self, mountParent);
        if (parent === self) written = { text: "", belowRoot: false };
        else {
          steps.push({ path: at, name: "" });
          at = { mnt: mount.address("mnt")(parent), dentry: kernel.link(self, mountpoint) };
        }
      } else {
        const parent = kernel.link(dentry, parentOffset);
        // The root of a file system of which only another part is mounted here.
        if (parent === dentry) written = { text: "", belowRoot: false };
        else {
          steps.push({ path: at, name: `/${name(dentry)}` });
          at = { mnt, dentry: parent };
        }
      }
    }
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      if (step.name !== "") written = { ...written, text: join(written.text, step.name) };
      const { mnt, dentry } = step.path;
      const ofMount = known.get(mnt);
      if (ofMount === undefined) known.set(mnt, new Map([[dentry, written]]));
      else ofMount.set(dentry, written);
    }
    return written;
  };

  return {
    dPath(path) {
      const { mnt, dentry } = path;
      const own = ownName(dentry);
      if (own !== undefined && !(isRoot(dentry) && dentry === mntRoot(mnt))) return own;
      const { text } = write(path);
      return `${text || "/"}${isUnlinked(dentry) ? " (deleted)" : ""}`;
    },
    pathBelowRoot(path) {
      const { text, belowRoot } = write(path);
      return belowRoot ? text || "/" : undefined;
    },
    dentryPath(dentry) {
      const names: string[] = [];
      for (let at = dentry; !isRoot(at); at = kernel.link(at, parentOffset)) {
        kernel.budget.step();
        if (names.push(`/${name(at)}`) < MAX_DEPTH) continue;
        names.push(CUT.text);
        break;
      }
      const text = names.toReversed().reduce(join, "");
      return `${text || "/"}${isUnlinked(dentry) ? "//deleted" : ""}`;
    },
  };

  function isRoot(dentry: Gva): boolean {
    return kernel.link(dentry, parentOffset) === dentry;
  }
}

function join(path: string, name: string): string {
  const whole = path + name;
  return whole.length > MAX_LENGTH ? `${CUT.text}${name.slice(0, MAX_LENGTH)}` : whole;
}
