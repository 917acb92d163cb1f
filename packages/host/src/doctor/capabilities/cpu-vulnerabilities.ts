import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { defineCapability, install } from "../capability.ts";

const DIRECTORY = "/sys/devices/system/cpu/vulnerabilities";

export const cpuVulnerabilities = defineCapability({
  id: "cpu-vulnerabilities",
  title: "Processor vulnerabilities",
  async probe() {
    const open: string[] = [];
    let total = 0;
    for (const name of (await readdir(DIRECTORY)).sort()) {
      total += 1;
      const status = (await readFile(join(DIRECTORY, name), "utf8")).trim();
      if (/vulnerable/i.test(status.replace(/^Not affected.*/, ""))) open.push(name);
    }
    if (open.length === 0) return { state: "ok", detail: `none of ${total} known ones is open` };
    const detail = `${open.join(", ")} of ${total} known ones not fully mitigated: guests may read across`;
    const cpu = await readFile("/proc/cpuinfo", "utf8");
    const virtual = /\bhypervisor\b/.test(cpu);
    if (virtual) return { state: "warning", detail: `${detail}; this host is itself a guest` };
    const microcode = cpu.includes("AuthenticAMD") ? "amd64-microcode" : "intel-microcode";
    return { state: "warning", detail, fix: install(microcode) };
  },
});
