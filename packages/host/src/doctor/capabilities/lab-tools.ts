import { defineCapability, install } from "../capability.ts";
import { runTool } from "../run-tool.ts";

/** What building the lab's guests runs, and the packages they come in. */
const TOOLS = [
  { file: "mmdebstrap", args: ["--version"], from: "mmdebstrap" },
  { file: "mke2fs", args: ["-V"], from: "e2fsprogs" },
  { file: "debugfs", args: ["-V"], from: "e2fsprogs" },
  { file: "qemu-img", args: ["--version"], from: "qemu-utils" },
] as const;

export const labTools = defineCapability({
  id: "lab-tools",
  title: "Building the lab's guests",
  async probe(_context, signal) {
    const missing: string[] = [];
    const packages = new Set<string>();
    for (const { file, args, from } of TOOLS) {
      if ((await runTool(file, args, signal)) !== undefined) continue;
      missing.push(file);
      packages.add(from);
    }
    const names = TOOLS.map(({ file }) => file).join(", ");
    if (missing.length === 0) return { state: "ok", detail: `${names} run` };
    const detail = `${missing.join(", ")} not installed`;
    return { state: "missing", detail, fix: install(...packages) };
  },
});
