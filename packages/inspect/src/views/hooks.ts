import { formatAddress, type Gva } from "@casemate/core";
import type { HookKind } from "../linux/hook.ts";
import { formatSymbol, symbolizer } from "../linux/symbolize.ts";
import { walkHooks } from "../linux/walk-hooks.ts";
import { defineView } from "./define-view.ts";

export interface HookRow {
  readonly kind: HookKind;
  /** The place, by the kernel's names: `do_sys_openat2`, `ip input`, `file_open`, `reboot_notifier_list`. */
  readonly where: string;
  /** The function that is called there. */
  readonly address: string;
  /** What it is in: `selinux_ip_forward`, `ftrace_trampoline+0x10`; null in memory that belongs to nothing known. */
  readonly symbol: string | null;
  /** The module it is in, `bpf` or `__builtin__ftrace` for code made at run time; null for the kernel itself. HOSTILE. */
  readonly module: string | null;
  /** The order among those at one place, where there is one. */
  readonly priority: number | null;
  readonly netNamespace: number | null;
  /** Who put it there, where hooks of its kind say so: the LSM, the trace event. HOSTILE. */
  readonly owner: string | null;
  readonly flags: readonly string[];
  /** Address of the struct that says so. */
  readonly structure: string;
}

/** Everything that was told to run at some place in the kernel: tracers, probes, packet filters, LSMs, notifiers. */
export const hooks = defineView({
  id: "hooks",
  kind: "HookList",
  title: "Hooks",
  needs: ["kernelMetadata"],
  read({ kernel }): readonly HookRow[] {
    const symbolize = symbolizer(kernel);
    const nameOf = (address: Gva) => {
      const symbol = symbolize(address);
      return symbol === undefined ? formatAddress(address) : formatSymbol(symbol);
    };
    const rows: HookRow[] = [];
    for (const hook of walkHooks(kernel, nameOf)) {
      const symbol = symbolize(hook.target);
      const place =
        symbol?.offset === 0 ? symbol.name : `${symbol?.name}+0x${symbol?.offset.toString(16)}`;
      rows.push({
        kind: hook.kind,
        where: hook.where,
        address: formatAddress(hook.target),
        symbol: symbol === undefined ? null : place,
        module: symbol?.module ?? null,
        priority: hook.priority ?? null,
        netNamespace: hook.netNamespace ?? null,
        owner: hook.owner ?? null,
        flags: hook.flags ?? [],
        structure: formatAddress(hook.structure),
      });
    }
    return rows;
  },
  columns: [
    { key: "kind", title: "KIND" },
    { key: "where", title: "WHERE" },
    {
      key: "priority",
      title: "PRIORITY",
      align: "right",
      text: ({ priority }) => String(priority ?? "-"),
    },
    { key: "symbol", title: "CALLS", text: ({ symbol, address }) => symbol ?? address },
    {
      key: "module",
      title: "MODULE",
      text: ({ module, symbol }) => module ?? (symbol === null ? "?" : "-"),
    },
    { key: "owner", title: "OWNER", text: ({ owner }) => owner ?? "-" },
    { key: "flags", title: "FLAGS", text: ({ flags }) => flags.join(", ") || "-" },
  ],
});
