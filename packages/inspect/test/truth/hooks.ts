import assert from "node:assert/strict";
import type { RunInGuest, Truth } from "./truth.ts";

type Json = Readonly<Record<string, unknown>>;

const TRACING = "/sys/kernel/tracing";

export const hooksTruths: readonly Truth[] = [
  {
    view: "hooks",
    claim: "functions that call tracers are those of enabled_functions",
    prepare: async (run) => {
      await mountAll(run);
      await run(
        `cd ${TRACING} && echo __x64_sys_umask >set_ftrace_filter && ` +
          "echo __x64_sys_sethostname >>set_ftrace_filter && echo function >current_tracer",
      );
    },
    compare: async (run, read) => {
      const told = (await run(`cat ${TRACING}/enabled_functions`)).output;
      // Lines that start with a tab say more of the function before.
      const functions: readonly string[] = told.match(/^[^\s#][^\s(]*(?: \[\w+\])?/gm) ?? [];
      assert.ok(functions.includes("__x64_sys_sethostname"), told);
      const rows = ofKind(await read("hooks"), "ftrace");
      assert.deepEqual(sortedSet(rows.map(({ where }) => where)), sortedSet(functions));
      const traced = rows.filter(({ where }) => where === "__x64_sys_sethostname");
      assert.deepEqual(
        traced.map(({ symbol, module }) => [symbol, module]),
        [["function_trace_call", null]],
      );
    },
  },
  {
    view: "hooks",
    claim: "probes are those of kprobes/list, with their flags",
    prepare: async (run) => {
      await mountAll(run);
      const probes = [
        "p:casemate/enabled __x64_sys_getppid",
        "r:casemate/returns __x64_sys_getppid",
        "p:casemate/disabled __x64_sys_setdomainname",
      ];
      for (const probe of probes) await run(`echo '${probe}' >>${TRACING}/kprobe_events`);
      await run(`echo 1 >${TRACING}/events/casemate/enabled/enable`);
    },
    compare: async (run, read) => {
      const told = (await run("cat /sys/kernel/debug/kprobes/list")).output;
      const lines = told.match(/^[0-9a-f]+\s.*$/gm) ?? [];
      assert.ok(lines.length >= 3, told);
      const rows = (await read("hooks")).filter(({ kind }) => String(kind).startsWith("k"));
      assert.deepEqual(rows.map(formatProbe).sort(), lines.map(normalizeProbe).sort());
      const owners = sortedSet(rows.map(({ owner }) => owner));
      for (const name of ["disabled", "enabled", "returns"]) {
        assert.ok(owners.includes(`casemate:${name}`), owners.join(" "));
      }
    },
  },
  {
    view: "hooks",
    claim: "tracepoints call the tracer for the events of set_event",
    prepare: async (run) => {
      await mountAll(run);
      await run(`echo 1 >${TRACING}/events/sched/sched_process_exec/enable`);
      await run(`echo 1 >${TRACING}/events/signal/enable`);
    },
    compare: async (run, read) => {
      const told = (await run(`cat ${TRACING}/set_event`)).output.trim().split("\n");
      const events = told.filter((event) => !/^(?:syscalls|casemate):/.test(event));
      assert.ok(events.includes("signal:signal_deliver"));
      const traced = ofKind(await read("hooks"), "tracepoint").filter(({ symbol }) =>
        String(symbol).startsWith("trace_event_raw_event_"),
      );
      assert.deepEqual(
        sortedSet(traced.map(({ where }) => where)),
        sortedSet(events.map((event) => event.split(":")[1])),
      );
    },
  },
  {
    view: "hooks",
    claim: "security modules are those of /sys/kernel/security/lsm, each hook in their order",
    prepare: mountAll,
    compare: async (run, read) => {
      const modules = (await run("cat /sys/kernel/security/lsm")).output.trim().split(",");
      const rows = ofKind(await read("hooks"), "lsm");
      assert.deepEqual(sortedSet(rows.map(({ owner }) => owner)), sortedSet(modules));
      for (const hooks of Map.groupBy(rows, ({ where }) => where).values()) {
        const order = hooks.map(({ owner }) => modules.indexOf(String(owner)));
        assert.deepEqual(
          order,
          order.toSorted((one, other) => one - other),
        );
      }
    },
  },
  {
    view: "hooks",
    claim: "packets pass the functions that nft lists",
    prepare: makeChains,
    compare: async (run, read, note) => {
      const { output, exitCode } = await run("nft list hooks 2>/dev/null");
      if (exitCode !== 0 || output === "") {
        return note("inconclusive", "nft lists no hooks: the kernel has no nfnetlink_hook");
      }
      const namespace = Number((await run("stat -L -c %i /proc/self/ns/net")).output);
      const rows = ofKind(await read("hooks"), "netfilter").filter(
        ({ where, netNamespace }) =>
          netNamespace === namespace && !String(where).startsWith("netdev"),
      );
      const hooks = parseNftHooks(output);
      assert.ok(hooks.includes("ip prerouting -7 chain"), output);
      assert.deepEqual(
        rows.map(({ where, priority, symbol, module }) => {
          const isChain = String(symbol).startsWith("nft_do_chain");
          return formatNftHook(
            where,
            priority,
            isChain ? "chain" : symbol,
            isChain ? null : module,
          );
        }),
        hooks,
      );
    },
  },
  {
    view: "hooks",
    claim: "packets pass each base chain of nf_tables",
    prepare: makeChains,
    compare: async (run, read) => {
      const { output } = await run("nft -j list chains");
      const told: { readonly nftables: readonly { readonly chain?: Chain }[] } = JSON.parse(output);
      const chains = told.nftables.flatMap(({ chain }) => {
        if (chain?.hook === undefined) return [];
        const families = FAMILIES[chain.family] ?? [chain.family];
        return families.map((family) => `${family} ${chain.hook} ${chain.prio}`);
      });
      const namespace = Number((await run("stat -L -c %i /proc/self/ns/net")).output);
      const rows = ofKind(await read("hooks"), "netfilter")
        .filter(({ netNamespace }) => netNamespace === namespace)
        .filter(({ symbol }) => String(symbol).startsWith("nft_do_chain"));
      const seen = rows.map(({ where, priority }) => `${where} ${priority}`);
      assert.ok(chains.length > 3);
      assert.deepEqual(seen.toSorted(), chains.toSorted());
    },
  },
  {
    view: "hooks",
    claim: "each function is where /proc/kallsyms has it, and no system call leads elsewhere",
    compare: async (run, read) => {
      const rows = (await read("hooks")).filter(({ symbol }) => !String(symbol).includes("+0x"));
      assert.deepEqual(ofKind(rows, "syscall"), []);
      const addresses = sortedSet(rows.map(({ address }) => String(address).slice(2)));
      await run(`cat >/run/addresses <<'END'\n${addresses.join("\n")}\nEND`);
      const { output } = await run("grep -F -f /run/addresses /proc/kallsyms");
      const known = new Set(
        output.split("\n").map((line) => line.replace(/^(\w+) \w /, "$1 ").replace(/\s+/g, " ")),
      );
      for (const { address, symbol, module } of rows) {
        const line = `${String(address).slice(2)} ${symbol}${module === null ? "" : ` [${module}]`}`;
        assert.ok(known.has(line), line);
      }
      assert.ok(rows.length > 100);
      assert.ok(ofKind(rows, "notifier").some(({ where }) => where === "netdev_chain"));
    },
  },
];

/** What `nft -j list chains` says of a chain: those without a hook are called by others only. */
interface Chain {
  readonly family: string;
  readonly hook?: string;
  readonly prio?: number;
}

/** Families of nf_tables whose chains meet packets of other families. */
const FAMILIES: Readonly<Record<string, readonly string[]>> = { inet: ["ip", "ip6"] };

async function makeChains(run: RunInGuest): Promise<void> {
  const { output, exitCode } = await run(`nft -f - <<'END'
table ip casemate
delete table ip casemate
table inet casemate
delete table inet casemate
table ip casemate {
  chain one { type filter hook prerouting priority -7; }
  chain two { type filter hook postrouting priority 50; }
}
table inet casemate {
  chain three { type filter hook input priority 3; }
  chain four { type filter hook output priority -3; }
  chain aside { }
}
END`);
  assert.equal(exitCode, 0, output);
}

async function mountAll(run: RunInGuest): Promise<void> {
  await run(
    `mount -t tracefs tracefs ${TRACING}; mount -t debugfs debugfs /sys/kernel/debug; ` +
      "mount -t securityfs securityfs /sys/kernel/security",
  );
}

function ofKind(rows: readonly Json[], kind: string): readonly Json[] {
  return rows.filter((row) => row["kind"] === kind);
}

function sortedSet(values: readonly unknown[]): readonly string[] {
  return [...new Set(values.map(String))].sort();
}

/** `k sys_getppid+0x0 [DISABLED][FTRACE]`: a line of kprobes/list without the address. */
function formatProbe({ kind, where, flags }: Json): string {
  const [name = "", module] = String(where).split(" ");
  const place = name.includes("+0x") ? name : `${name}+0x0`;
  const marks = Array.isArray(flags) ? flags.map((flag) => `[${flag}]`.toUpperCase()).join("") : "";
  return [kind === "kretprobe" ? "r" : "k", place, module, marks].filter(Boolean).join(" ");
}

function normalizeProbe(line: string): string {
  return line
    .replace(/^[0-9a-f]+/, "")
    .trim()
    .replace(/\s+/g, " ");
}

/** `ip input -7 nf_hook_run_bpf`; chains of nf_tables are shown by their names and not by the function. */
function formatNftHook(where: unknown, priority: unknown, name: unknown, module: unknown): string {
  return [where, priority, name, module].filter((part) => part != null).join(" ");
}

function parseNftHooks(output: string): readonly string[] {
  const hooks: string[] = [];
  let family = "";
  let hook = "";
  for (const line of output.split("\n")) {
    const [word = "", name = "", module] = line.trim().split(/\s+/);
    if (word === "family") family = name;
    else if (word === "hook") hook = name;
    else if (/^[+-]?\d+$/.test(word)) {
      const own = name === "chain" ? null : module?.replace(/^\[(.*)\]$/, "$1");
      hooks.push(formatNftHook(`${family} ${hook}`, Number(word), name, own));
    }
  }
  return hooks;
}
