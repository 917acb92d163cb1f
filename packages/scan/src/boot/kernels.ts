import { readBytes } from "@casemate/formats/disk";
import { attempt } from "../attempt.ts";
import type { Collector } from "../collector.ts";
import type { Look } from "../look.ts";
import { findBootDefault } from "./boot-default.ts";
import { parseKernelBanner } from "./kernel-banner.ts";

/** A kernel image that is there to be booted. HOSTILE: the guest says it. */
export interface InstalledKernel {
  readonly path: string;
  /** `6.1.0-18-amd64`: by the image itself; where it does not say, by its name. */
  readonly release: string;
  /** Its build: `#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)`. */
  readonly build?: string;
  /** In bytes. */
  readonly size: number;
  /** Whether the modules of its release are there. */
  readonly hasModules: boolean;
  /** What the boot loader boots unless told otherwise. */
  readonly isDefault: boolean;
  /** The path of the boot loader's configuration that says so. */
  readonly defaultBy?: string;
}

/** File names of kernels on a /boot, as distributions have them; those with -rescue or .old, too. */
const IMAGE = /^(?:vmlinuz|vmlinux|bzImage|kernel|linux)(?:-(.+))?$/;
const MODULES = ["/usr/lib/modules", "/lib/modules"] as const;
/** Where an EFI system partition is mounted (systemd, bootctl(1)). */
const ESPS = ["/efi", "/boot", "/boot/efi"] as const;
const HEAD_BYTES = 32 * 1024;

/** Kernels installed, and which of them is the default. */
export const kernels: Collector<InstalledKernel> = {
  id: "kernels/images",
  *collect(look) {
    const releases = new Set<string>();
    for (const path of MODULES) for (const { name } of look.list(path)) releases.add(name);
    const fallback = findBootDefault(look);
    const seen = new Set<number>();
    for (const { path, named } of walkPlaces(look, releases)) {
      const image = readImage(look, path);
      // /lib is /usr/lib, mostly, and /boot/efi may be /efi.
      if (image === undefined || seen.has(image.inode)) continue;
      seen.add(image.inode);
      const release = image.release ?? named ?? "unknown";
      const isDefault = fallback !== undefined && isSame(path, fallback.image);
      yield {
        path,
        release,
        ...(image.build === undefined ? {} : { build: image.build }),
        size: image.size,
        hasModules: releases.has(release),
        isDefault,
        ...(isDefault ? { defaultBy: fallback.by } : {}),
      };
    }
  },
};

interface Place {
  readonly path: string;
  /** The release by the name. */
  readonly named: string | undefined;
}

function* walkPlaces(look: Look, releases: ReadonlySet<string>): Generator<Place> {
  for (const { name } of look.list("/boot")) {
    const match = IMAGE.exec(name);
    if (match !== null) yield { path: `/boot/${name}`, named: match[1] };
  }
  for (const esp of ESPS) {
    for (const { name } of look.list(`${esp}/EFI/Linux`)) {
      if (name.toLowerCase().endsWith(".efi")) {
        yield { path: `${esp}/EFI/Linux/${name}`, named: name.slice(0, -".efi".length) };
      }
    }
    // kernel-install(8): a directory named by the machine's id, in it one for each release.
    for (const { name: machine } of look.list(esp)) {
      if (!/^[0-9a-f]{32}$/.test(machine)) continue;
      for (const { name } of look.list(`${esp}/${machine}`)) {
        yield { path: `${esp}/${machine}/${name}/linux`, named: name };
      }
    }
  }
  for (const release of releases) {
    for (const directory of MODULES) {
      yield { path: `${directory}/${release}/vmlinuz`, named: release };
    }
  }
}

function readImage(look: Look, path: string) {
  const read = () => {
    const node = look.files.find(path, { follow: false });
    // A link to another of them: `/boot/vmlinuz`.
    if (node.stat.type !== "file") return undefined;
    const { inode, size } = node.stat;
    const contents = node.contents();
    const head = readBytes(contents, 0, Math.min(HEAD_BYTES, contents.size), path);
    return { inode, size, ...parseKernelBanner(head) };
  };
  return attempt(look, path, read, { mayBeAbsent: true });
}

/**
 * Whether a boot loader's path is the one of the tree: it begins at the file system that the image is on, so
 * that their ends are compared: the name, and the directory too where many have the same name.
 */
function isSame(path: string, image: string): boolean {
  const count = /\/(?:linux|vmlinuz|bzImage)$/.test(image) ? 2 : 1;
  const end = (text: string) => text.split("/").slice(-count).join("/");
  return end(path) === end(image);
}
