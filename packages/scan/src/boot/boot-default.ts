import { MiB } from "@casemate/core";
import type { Look } from "../look.ts";
import { findBlsDefault, readBlsEntries } from "./bls-entries.ts";
import { findGrubDefault, parseGrubMenu } from "./grub-menu.ts";

/** What a boot loader boots unless told otherwise. */
export interface BootDefault {
  /** The kernel's path as the boot loader has it, from the root of the file system that it is on. */
  readonly image: string;
  /** The path of the configuration that says so. */
  readonly by: string;
}

const GRUB = ["/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"] as const;
const SYSTEMD_BOOT = ["/efi", "/boot", "/boot/efi"] as const;
const EXTLINUX = [
  "/boot/extlinux/extlinux.conf",
  "/boot/extlinux.conf",
  "/boot/syslinux/syslinux.cfg",
] as const;
const MAX_BYTES = 4 * MiB;

/** By the first boot loader that is configured: GRUB, systemd-boot, EXTLINUX. */
export function findBootDefault(look: Look): BootDefault | undefined {
  for (const by of GRUB) {
    const text = readText(look, by);
    const image = text === undefined ? undefined : findByGrub(look, by, text);
    if (image !== undefined) return { image, by };
  }
  for (const esp of SYSTEMD_BOOT) {
    const by = `${esp}/loader/loader.conf`;
    const text = readText(look, by);
    if (text === undefined) continue;
    const wanted = /^default[ \t]+(\S+)/m.exec(text)?.[1];
    const image = findBlsDefault(readBlsEntries(look, `${esp}/loader/entries`), wanted);
    if (image !== undefined) return { image, by };
  }
  for (const by of EXTLINUX) {
    const text = readText(look, by);
    const image = text === undefined ? undefined : findExtlinuxDefault(text);
    if (image !== undefined) return { image, by };
  }
  return undefined;
}

/** GRUB's menu, or where it has `blscfg` the entries of the Boot Loader Specification. */
function findByGrub(look: Look, path: string, text: string): string | undefined {
  const environment = readText(look, path.replace(/grub\.cfg$/, "grubenv")) ?? "";
  const saved = /^saved_entry=(.*)$/m.exec(environment)?.[1];
  const image = findGrubDefault(parseGrubMenu(text), saved);
  if (image !== undefined || !/^[ \t]*blscfg\b/m.test(text)) return image;
  return findBlsDefault(readBlsEntries(look, "/boot/loader/entries"), saved);
}

/** The kernel of the label that is the default; the first where none is (syslinux, doc/syslinux.txt). */
function findExtlinuxDefault(text: string): string | undefined {
  const wanted = /^[ \t]*default[ \t]+(\S+)/im.exec(text)?.[1];
  const images = new Map<string, string>();
  let label = "";
  for (const line of text.split("\n")) {
    const [, word = "", value = ""] = /^\s*(label|kernel|linux)[ \t]+(\S+)/i.exec(line) ?? [];
    if (word.toLowerCase() === "label") label = value;
    else if (word !== "" && !images.has(label)) images.set(label, value);
  }
  return images.get(wanted ?? "") ?? [...images.values()][0];
}

function readText(look: Look, path: string): string | undefined {
  return look.read(path, MAX_BYTES)?.toString("utf8");
}
