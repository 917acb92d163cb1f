import { symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { makeDirectory } from "./make-directory.ts";

/** One line of an fstab(5). */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly type: "none" | "sysfs" | "devpts";
  readonly options: string;
}

/** What libvirt, QEMU and dnsmasq use of /dev without KVM. */
const devices = ["null", "zero", "full", "random", "urandom", "tty", "net/tun"];

/**
 * Makes the places in `directory` that a private libvirt sees instead of the machine's, and says how
 * they are mounted, in order.
 *
 * - `/run`, `/var/lib/libvirt`, `/var/log/libvirt` and `/etc/libvirt` are its own: no state in common, and no
 *   D-Bus by which it would reach systemd, firewalld or polkit of the machine;
 * - `/var/cache/libvirt` is kept in the cache: what libvirt found out about QEMU costs seconds;
 * - `/run/lock` is where libvirt notes whose a console is;
 * - `/sys` shows its own network interfaces, and no cgroups;
 * - `/dev` has no `kvm` where it is not to be used: libvirt trusts it if it is there; and terminals of its
 *   own, for the machine's `ptmx` makes none where it is mounted apart from its `pts`.
 */
export async function prepareMounts(
  directory: string,
  options: { readonly accelerator: "kvm" | "tcg"; readonly cacheDir: string },
): Promise<Mount[]> {
  const own = (name: string) => path.join(directory, name);
  const cache = path.join(options.cacheDir, "libvirt");
  const hidden = ["/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt", "/etc/libvirt"];
  const places = [...["lib", "log", "etc", "run/lock"].map(own), cache, ...hidden];
  for (const place of places) await makeDirectory(place);
  const bind = (source: string, target: string): Mount => {
    return { source, target, type: "none", options: "rbind" };
  };
  const mounts = [
    { source: "casemate", target: "/sys", type: "sysfs", options: "defaults" } as const,
    bind(own("lib"), "/var/lib/libvirt"),
    bind(own("log"), "/var/log/libvirt"),
    bind(own("etc"), "/etc/libvirt"),
    bind(cache, "/var/cache/libvirt"),
  ];
  if (options.accelerator === "tcg") {
    for (const place of ["dev/net", "dev/pts", "dev/shm"]) {
      await makeDirectory(own(place));
    }
    for (const device of devices) {
      await writeFile(own(`dev/${device}`), "");
      mounts.push(bind(`/dev/${device}`, own(`dev/${device}`)));
    }
    const terminals = "newinstance,ptmxmode=0666,mode=0620";
    await symlink("pts/ptmx", own("dev/ptmx"));
    mounts.push(
      { source: "casemate", target: own("dev/pts"), type: "devpts", options: terminals },
      bind(own("dev"), "/dev"),
    );
  }
  // The directory itself stays where it is, if that is below /run.
  const below = path.relative("/run", directory);
  if (!below.startsWith("..")) {
    await makeDirectory(own(`run/${below}`));
    mounts.push({ ...bind(directory, own(`run/${below}`)), options: "bind" });
  }
  mounts.push(bind(own("run"), "/run"));
  return mounts;
}

/** The mount as a line of an fstab(5). */
export function formatMount({ source, target, type, options }: Mount): string {
  const encode = (field: string) =>
    field.replace(/[\s\\]/g, (character) => {
      return `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`;
    });
  return `${encode(source)} ${encode(target)} ${type} ${options} 0 0\n`;
}
