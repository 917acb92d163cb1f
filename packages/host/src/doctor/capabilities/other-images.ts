import { defineCapability, install } from "../capability.ts";
import { lastWords, runTool } from "../run-tool.ts";

export const otherImages = defineCapability({
  id: "other-images",
  title: "VMDK, VDI and VHDX images (qemu-storage-daemon)",
  async probe(_context, signal) {
    const fix = install("qemu-system-common");
    const version = await runTool("qemu-storage-daemon", ["--version"], signal);
    if (version === undefined) {
      return { state: "missing", detail: "qemu-storage-daemon is not installed", fix };
    }
    if (version.status !== 0) {
      return { state: "unusable", detail: `it does not run: ${lastWords(version)}`, fix };
    }
    const name = /\d+\.\d+\.\d+/.exec(version.stdout)?.[0] ?? "of unknown version";
    return { state: "ok", detail: `qemu-storage-daemon ${name} runs` };
  },
});
