import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { CircleFinder } from "../walk/circle-finder.ts";
import type { Hook } from "./hook.ts";
import { walkNetNamespaces } from "./walk-net-namespaces.ts";

/** The kernel's chains by the struct that heads them; some are gone in newer kernels, some new. */
const CHAINS: Readonly<Record<string, readonly string[]>> = {
  atomic_notifier_head: [
    "die_chain",
    "inet6addr_chain",
    "keyboard_notifier_list",
    "netevent_notif_chain",
    "panic_notifier_list",
    "power_off_handler_list",
    "restart_handler_list",
    "task_free_notifier",
    "vt_notifier_list",
  ],
  blocking_notifier_head: [
    "acpi_chain_head",
    "acpi_hed_notify_list",
    "acpi_reconfig_chain",
    "blocking_lsm_notifier_chain",
    "cpufreq_policy_notifier_list",
    "crypto_chain",
    "fb_notifier_list",
    "inet6addr_validator_chain",
    "inetaddr_chain",
    "inetaddr_validator_chain",
    "memory_chain",
    "module_notify_list",
    "munmap_notifier",
    "netlink_chain",
    "oom_notify_list",
    "pm_chain_head",
    "power_off_prep_handler_list",
    "reboot_notifier_list",
    "restart_prep_handler_list",
    "task_exit_notifier",
    "tracepoint_notify_list",
    "usb_notifier_list",
    "vmap_notify_list",
    "vmfork_chain",
    "x86_mce_decoder_chain",
    "xenstore_chain",
  ],
  raw_notifier_head: ["netdev_chain", "pvclock_gtod_chain"],
  srcu_notifier_head: ["cpufreq_transition_notifier_list", "lease_notifier_chain"],
};

/** Functions the kernel calls when something happens: keys are pressed, devices come, it dies or reboots. */
export function* walkNotifiers(kernel: KernelReader): Generator<Hook> {
  for (const [struct, chains] of Object.entries(CHAINS)) {
    const head = kernel.struct(struct).offset("head");
    for (const where of chains) {
      if (kernel.hasSymbol(where)) yield* walkChain(kernel, where, kernel.symbol(where), head);
    }
  }
  const net = kernel.struct("net");
  if (!net.has("netdev_chain.head")) return;
  const inode = net.number("ns.inum");
  for (const at of walkNetNamespaces(kernel)) {
    for (const hook of walkChain(kernel, "netdev_chain", at, net.offset("netdev_chain.head"))) {
      yield { ...hook, netNamespace: inode(at) };
    }
  }
}

function* walkChain(kernel: KernelReader, where: string, at: Gva, head: number): Generator<Hook> {
  const block = kernel.struct("notifier_block");
  const target = block.pointer("notifier_call");
  const priority = block.number("priority");
  const next = block.offset("next");
  const circle = new CircleFinder();
  for (let each = kernel.link(at, head); each !== 0n; each = kernel.link(each, next)) {
    kernel.budget.step();
    circle.visit(each);
    yield {
      kind: "notifier",
      where,
      target: target(each),
      structure: each,
      priority: priority(each),
    };
  }
}
