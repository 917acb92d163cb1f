import { cp, mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { GuestConsole } from "./guest-console.ts";
import { ensureImage } from "./image/ensure-image.ts";
import { fetchPackages } from "./image/fetch-packages.ts";
import { moduleLoadOrder } from "./image/module-load-order.ts";
import { labCacheDir } from "./lab-cache-dir.ts";
import { runCommand } from "./run-command.ts";

/** QEMU's guest agent with all that it needs, on a disk for guests that have nothing. */
export interface AgentDisk {
  /** For the definition of a VM: the disk, and the channel that the agent speaks through. */
  readonly devices: string;
  /**
   * Starts the agent in a guest that has them; it answers soon. With `apart`, a command that mounts something,
   * it sees that alone, and nothing that is mounted later.
   */
  start(console: GuestConsole, apart?: string): Promise<void>;
}

const packages = [
  "qemu-guest-agent",
  "libc6",
  "libglib2.0-0",
  "libnuma1",
  "libpcre2-8-0",
  "libudev1",
  "liburing2",
];
/** Where the guest has it. */
const HOME = "/run/agent";
/** What its programs do without. */
const unneeded = ["share", "gconv", "systemd"];

/** Makes the disk in `directory`, which QEMU's user can read. */
export async function makeAgentDisk(directory: string, signal?: AbortSignal): Promise<AgentDisk> {
  const { kernel } = await ensureImage({ cacheDir: labCacheDir }, signal);
  const options = { suite: "bookworm", packages, cacheDir: labCacheDir };
  const tree = await fetchPackages(options, signal);
  const modules = path.join(directory, "modules");
  await mkdir(modules);
  const dependencies = await readFile(path.join(kernel.modulesDirectory, "modules.dep"), "utf8");
  const builtin = await readFile(path.join(kernel.modulesDirectory, "modules.builtin"), "utf8");
  const files = moduleLoadOrder(["virtio_console"], dependencies, builtin);
  for (const file of files) {
    await cp(path.join(kernel.modulesDirectory, file), path.join(modules, path.basename(file)));
  }
  const disk = path.join(directory, "agent.tar");
  const excluded = unneeded.map((name) => `--exclude=${name}`);
  const content = ["-C", tree, ".", "-C", directory, "modules"];
  await runCommand("tar", ["--create", "--file", disk, ...excluded, ...content], {}, signal);
  const order = files.map((file) => path.basename(file));
  return {
    devices: `
      <disk type="file" device="disk"><driver name="qemu" type="raw"/><source file="${disk}"/>
        <target dev="vda" bus="virtio"/><readonly/></disk>
      <channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0"/></channel>`,
    async start(console, apart) {
      const shell = apart === undefined ? "sh" : "unshare --mount sh";
      const libraries = ["lib", "usr/lib"].map((at) => `${HOME}/${at}/x86_64-linux-gnu`);
      await console.output(`
        if [ ! -d ${HOME} ]; then
          mkdir ${HOME}
          tar xf /dev/vda -C ${HOME}
          for module in ${order.join(" ")}; do insmod ${HOME}/modules/$module 2>/dev/null; done
        fi
        setsid ${shell} -c '${apart ?? ""}
          exec ${HOME}/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path ${libraries.join(":")} \\
            ${HOME}/usr/sbin/qemu-ga --method virtio-serial --path /dev/vport0p1 --statedir ${HOME}' \\
          </dev/null >/dev/null 2>&1 &`);
    },
  };
}
