/** Families that have hooks, with the names of their hooks (include/uapi/linux/netfilter*.h). */
const INET = ["prerouting", "input", "forward", "output", "postrouting", "ingress"] as const;
export const NETFILTER_HOOKS = {
  1: { family: "inet", hooks: INET },
  2: { family: "ip", hooks: INET },
  3: { family: "arp", hooks: ["input", "output", "forward"] },
  5: { family: "netdev", hooks: ["ingress", "egress"] },
  7: { family: "bridge", hooks: ["prerouting", "input", "forward", "output", "postrouting"] },
  10: { family: "ip6", hooks: INET },
  12: { family: "decnet", hooks: [] },
} as const;

/** A hook as `nft` names it: `ip prerouting`; numbers where there is no name. */
export function netfilterHookName(family: number, hook: number): string {
  const known: { readonly family: string; readonly hooks: readonly string[] } | undefined =
    NETFILTER_HOOKS[family as keyof typeof NETFILTER_HOOKS]; // an unknown key yields undefined
  return `${known?.family ?? family} ${known?.hooks[hook] ?? hook}`;
}
