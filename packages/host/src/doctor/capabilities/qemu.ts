import { defineCapability, install } from "../capability.ts";
import { runTool } from "../run-tool.ts";
import { describeLacking, type Feature, isBefore, parseVersion } from "../versions.ts";

const OLDEST = [5, 2] as const;
/** QEMU's own documentation of its protocol, "Since" (qapi/dump.json, qapi/migration.json). */
const FEATURES: readonly Feature[] = [
  { since: [8, 2], what: "dumps that need not be put together (kdump-raw)" },
  { since: [9, 0], what: "saved RAM that can be mapped (mapped-ram)" },
  { since: [10, 0], what: "replacing QEMU under a running guest (cpr-transfer)" },
];

export const qemu = defineCapability({
  id: "qemu",
  title: "QEMU",
  async probe(_context, signal) {
    const result = await runTool("qemu-system-x86_64", ["--version"], signal);
    const fix = install("qemu-system-x86", "qemu-utils");
    if (result === undefined) {
      return { state: "missing", detail: "qemu-system-x86_64 is not installed", fix };
    }
    const version = parseVersion(result.stdout);
    if (version === undefined) return { state: "unusable", detail: "it tells no version", fix };
    const detail = `version ${version.join(".")}${describeLacking(version, FEATURES)}`;
    if (!isBefore(version, OLDEST)) return { state: "ok", detail };
    return { state: "warning", detail: `${detail}; at least ${OLDEST.join(".")} is needed`, fix };
  },
});
