import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";

/** Everything an image is made from besides Debian's own archive. */
export interface ImageRecipe {
  readonly suite: string;
  readonly packages: readonly string[];
  /** Size of the guest's disk in MiB. */
  readonly diskMiB: number;
}

/** What the lab's guests are made from. */
export const debian12: ImageRecipe = {
  suite: "bookworm",
  packages: [
    // Instead of usrmerge, which would bring all of Perl; mmdebstrap's hook merges /usr.
    "usr-is-merged",
    "linux-image-cloud-amd64",
    // The smallest package that satisfies the kernel's; the lab makes its own initramfs.
    "tiny-initramfs",
    "busybox-static",
    "iproute2",
    "kmod",
    "procps",
    "cron",
    "openssh-server",
    "nginx-light",
    "redis-server",
    // What the guest says of itself where /proc does not.
    "bpftool",
    "nftables",
  ],
  diskMiB: 2048,
};

/** Our own files in the guest: `setup.sh`, `files/`, `initramfs/`. */
export const guestDirectory = path.join(import.meta.dirname, "../../guest");

/** Raise it when the builder itself makes another image of the same recipe. */
const builderVersion = 1;

export interface RecipeFile {
  readonly path: string;
  readonly executable: boolean;
  readonly content: Uint8Array;
}

/** The name of what a recipe and our files make: 16 hexadecimal digits of SHA-256. */
export function hashRecipe(recipe: ImageRecipe, files: readonly RecipeFile[]): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([builderVersion, recipe.suite, recipe.packages, recipe.diskMiB]));
  for (const file of files.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    hash.update(JSON.stringify([file.path, file.executable, file.content.length]));
    hash.update(file.content);
  }
  return hash.digest("hex").slice(0, 16);
}

/** All of `guestDirectory`. */
export async function readGuestFiles(): Promise<RecipeFile[]> {
  const files: RecipeFile[] = [];
  for (const name of await readdir(guestDirectory, { recursive: true })) {
    const file = path.join(guestDirectory, name);
    const status = await stat(file);
    if (!status.isFile()) continue;
    const executable = (status.mode & 0o100) !== 0;
    files.push({ path: name, executable, content: await readFile(file) });
  }
  return files;
}
