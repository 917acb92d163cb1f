import { defineCapability, install } from "../capability.ts";
import { lastWords, runTool } from "../run-tool.ts";

export const networkNamespaces = defineCapability({
  id: "network-namespaces",
  title: "Network namespaces",
  async probe(_context, signal) {
    const result = await runTool("unshare", ["--net", "true"], signal);
    if (result === undefined) {
      const fix = install("util-linux");
      return { state: "missing", detail: "unshare is not installed", fix };
    }
    if (result.status === 0) return { state: "ok", detail: "one was made" };
    const detail = `none could be made: ${lastWords(result)}`;
    if (process.geteuid?.() === 0) return { state: "unusable", detail };
    return { state: "unusable", detail, fix: "sudo casemate up" };
  },
});
