import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Hook } from "./hook.ts";
import { netfilterHookName } from "./netfilter-hook-name.ts";
import { walkNetDevices } from "./walk-net-devices.ts";
import { walkNetNamespaces } from "./walk-net-namespaces.ts";

/** Where a namespace keeps the hooks of a family (include/net/netns/netfilter.h), with the family's number. */
const FAMILIES = [
  ["hooks_ipv4", 2],
  ["hooks_ipv6", 10],
  ["hooks_arp", 3],
  ["hooks_bridge", 7],
  ["hooks_decnet", 12],
] as const;
const NETDEV = 5;
const DEVICE_HOOKS = [
  ["nf_hooks_ingress", 0],
  ["nf_hooks_egress", 1],
] as const;

/** MAX_HOOK_COUNT (net/netfilter/core.c). */
const MAX_HOOKS = 1024;

/** What packets pass in all network namespaces: what `nft list hooks` shows in each. */
export function* walkNetfilterHooks(kernel: KernelReader): Generator<Hook> {
  const net = kernel.struct("net");
  if (!net.has("nf.hooks_ipv4") || !kernel.hasStruct("nf_hook_entries")) return;
  const inode = net.number("ns.inum");
  const device = kernel.struct("net_device");
  const deviceName = device.string("name");
  const hooks = FAMILIES.filter(([member]) => net.has(`nf.${member}`)).flatMap(([member, family]) =>
    Array.from({ length: net.length(`nf.${member}`) }, (_, hook) => ({
      offset: net.offset(`nf.${member}`) + hook * 8,
      where: netfilterHookName(family, hook),
    })),
  );
  const deviceHooks = DEVICE_HOOKS.filter(([member]) => device.has(member));
  const walkEntries = hookEntriesWalker(kernel);
  for (const at of walkNetNamespaces(kernel)) {
    const netNamespace = inode(at);
    for (const { offset, where } of hooks) {
      const entries = kernel.link(at, offset);
      for (const found of walkEntries(entries)) yield { ...found, where, netNamespace };
    }
    if (deviceHooks.length === 0) continue;
    for (const each of walkNetDevices(kernel, at)) {
      for (const [member, hook] of deviceHooks) {
        const entries = kernel.link(each, device.offset(member));
        if (entries === 0n) continue;
        const where = `${netfilterHookName(NETDEV, hook)} of ${deviceName(each)}`;
        for (const found of walkEntries(entries)) yield { ...found, where, netNamespace };
      }
    }
  }
}

/** Walks `nf_hook_entries`: the functions that are called, and after them as many pointers to their `nf_hook_ops`. */
function hookEntriesWalker(kernel: KernelReader): (entries: Gva) => Generator<Omit<Hook, "where">> {
  const type = kernel.struct("nf_hook_entries");
  const count = type.number("num_hook_entries");
  const hooks = type.offset("hooks");
  const entry = kernel.struct("nf_hook_entry");
  const called = entry.pointer("hook");
  const priority = kernel.struct("nf_hook_ops").number("priority");
  // What was removed while memory was short stays as a hook that accepts everything.
  const removed = kernel.hasSymbol("dummy_ops") ? kernel.symbol("dummy_ops") : undefined;
  return function* (entries) {
    if (entries === 0n) return;
    const length = Math.min(count(entries), MAX_HOOKS);
    const operations = hooks + length * entry.size;
    for (let i = 0; i < length; i += 1) {
      kernel.budget.step();
      const structure = kernel.link(entries, operations + i * 8);
      if (structure === removed) continue;
      const target = called(gva(entries + BigInt(hooks + i * entry.size)));
      yield { kind: "netfilter", target, structure, priority: priority(structure) };
    }
  };
}
