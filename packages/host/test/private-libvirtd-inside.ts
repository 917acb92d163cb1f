/**
 * The inside of private-libvirtd.ts: runs in namespaces of its own, gives libvirt empty directories, and
 * starts, kills, stops and continues libvirtd as the lines on its standard input say.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [directory = ""] = process.argv.slice(2);

// /run whole: /run/libvirt is there only once a libvirt has run.
for (const path of [
  "/run",
  "/etc/libvirt",
  "/var/lib/libvirt",
  "/var/log/libvirt",
  "/var/cache/libvirt",
]) {
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", path]);
}
const conf = (lines: readonly string[]): string => `${lines.join("\n")}\n`;
writeFileSync(
  join(directory, "libvirtd.conf"),
  conf([
    `unix_sock_dir = "${directory}"`,
    'auth_unix_ro = "none"',
    'auth_unix_rw = "none"',
    'log_outputs = "2:stderr"',
  ]),
);
writeFileSync(
  "/etc/libvirt/qemu.conf",
  conf([
    'user = "root"',
    'group = "root"',
    'security_driver = "none"',
    "cgroup_controllers = []",
    "remember_owner = 0",
    'stdio_handler = "file"',
  ]),
);

const log = openSync(join(directory, "libvirtd.log"), "a");
let libvirtd: ChildProcess | undefined;

async function obey(line: string): Promise<void> {
  switch (line) {
    case "start":
      libvirtd = spawn("libvirtd", ["--config", join(directory, "libvirtd.conf")], {
        stdio: ["ignore", log, log],
      });
      return;
    case "kill":
      if (libvirtd === undefined) return;
      libvirtd.kill("SIGKILL");
      await once(libvirtd, "exit");
      return;
    case "freeze":
      libvirtd?.kill("SIGSTOP");
      return;
    case "thaw":
      libvirtd?.kill("SIGCONT");
      return;
    default:
      throw new Error(`unknown order ${line}`);
  }
}

// The outside closing its end is the order to leave; the namespace takes everything in it along.
for await (const line of createInterface({ input: process.stdin })) {
  await obey(line);
  process.stdout.write("done\n");
}
// libvirtd is a child that would keep this process.
process.exit();
