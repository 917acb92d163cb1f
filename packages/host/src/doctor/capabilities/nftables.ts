import { defineCapability, install } from "../capability.ts";
import { lastWords, runTool } from "../run-tool.ts";

/** What isolating a guest needs: a table of its own, chains on both hooks of a device, a rule that counts and drops. */
const RULES = `table netdev casemate_doctor {
  chain out { type filter hook ingress device lo priority 0; policy accept; counter drop; }
  chain in { type filter hook egress device lo priority 0; policy accept; counter drop; }
}
list ruleset
`;

export const nftables = defineCapability({
  id: "nftables",
  title: "Packet filter (nftables)",
  async probe(_context, signal) {
    const fix = install("nftables");
    if ((await runTool("nft", ["--version"], signal)) === undefined) {
      return { state: "missing", detail: "nft is not installed", fix };
    }
    // In a network namespace that ends with the command, so that this host's rules are never touched.
    const result = await runTool("unshare", ["--net", "nft", "--file", "-"], signal, RULES);
    if (result?.status === 0 && result.stdout.includes("casemate_doctor")) {
      return { state: "ok", detail: "a table was made and listed" };
    }
    const words = result === undefined ? "unshare is not installed" : lastWords(result);
    const detail = `a table could not be made: ${words}`;
    if (process.geteuid?.() === 0) return { state: "unusable", detail };
    return { state: "unusable", detail, fix: "sudo casemate up" };
  },
});
