import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { RunInGuest, Truth } from "./truth.ts";

type Json = Readonly<Record<string, unknown>>;

const SCRIPT = "/run/bpf-objects.pl";
const LOG = "/run/bpf-objects.log";

// As bpftool names what include/uapi/linux/bpf.h numbers; only those that the script makes.
const PROGRAM_TYPES: Readonly<Record<number, string>> = {
  1: "socket_filter",
  2: "kprobe",
  3: "sched_cls",
  5: "tracepoint",
  6: "xdp",
  8: "cgroup_skb",
  15: "cgroup_device",
  17: "raw_tracepoint",
  22: "flow_dissector",
  26: "tracing",
  32: "netfilter",
};
const MAP_TYPES: Readonly<Record<number, string>> = { 1: "hash", 2: "array", 27: "ringbuf" };
const LINK_TYPES: Readonly<Record<number, string>> = {
  1: "raw_tracepoint",
  2: "tracing",
  3: "cgroup",
  4: "iter",
  5: "netns",
  6: "xdp",
  7: "perf_event",
  8: "kprobe_multi",
  10: "netfilter",
  11: "tcx",
};

const CGROUP = "/casemate/inner";
/** Where each program of the script is attached, by what the script says it made. */
const ATTACHED: readonly (readonly [
  made: string,
  program: string,
  kind: string,
  target: RegExp,
])[] = [
  ["xdp", "cm_xdp", "xdp", /^lo$/],
  ["btf", "cm_socket", "socket", /^sock 0x[0-9a-f]{16}$/],
  ["raw_tracepoint", "cm_raw_tp", "raw_tracepoint", /^sched_process_exit$/],
  ["fentry", "cm_fentry", "trace_fentry", /^__x64_sys_getpgid$/],
  ["iter", "cm_iter", "iter", /^bpf_map$/],
  ["cgroup", "cm_cg_link", "cgroup_inet_ingress", new RegExp(`^${CGROUP}$`)],
  ["cgroup_device", "cm_cg_device", "cgroup_device", new RegExp(`^${CGROUP}$`)],
  ["netns", "cm_flow", "flow_dissector", /^net:\[\d+\]$/],
  ["event sched", "cm_sched", "tracepoint", /^sched:sched_process_fork$/],
  ["perf sched", "cm_l_sched", "tracepoint", /^sched:sched_process_fork$/],
  ["event syscall", "cm_syscall", "event", /^syscalls:sys_enter_getsid$/],
  ["perf syscall", "cm_l_syscall", "event", /^syscalls:sys_enter_getsid$/],
  ["event kprobe", "cm_kprobe", "kprobe", /^__x64_sys_getpriority(?:\+0x4)?$/],
  ["perf kprobe", "cm_l_kprobe", "kprobe", /^__x64_sys_getpriority(?:\+0x4)?$/],
  ["event kretprobe", "cm_kretprobe", "kretprobe", /^__x64_sys_getpriority(?:\+0x4)?$/],
  ["perf kretprobe", "cm_l_kretprobe", "kretprobe", /^__x64_sys_getpriority(?:\+0x4)?$/],
  [
    "kprobe_multi",
    "cm_multi",
    "trace_kprobe_multi",
    /^__x64_sys_(?:getpgid, __x64_sys_getsid|getsid, __x64_sys_getpgid)$/,
  ],
  ["netfilter", "cm_nf", "netfilter", /^ip input at priority -7 in net:\[\d+\]$/],
  ["tcx", "cm_tcx", "tcx_ingress", /^lo$/],
  ["dummy xdp", "cm_pinned", "xdp", /^cmdummy$/],
  ["dummy tc", "cm_classifier", "tc_ingress", /^cmdummy$/],
];

export const bpfTruths: readonly Truth[] = [
  {
    view: "bpf",
    claim: "programs, maps, links and BTF are what bpf(2) says they are",
    prepare: loadPrograms,
    compare: async (run, read) => {
      const told = parseLines((await run(`perl ${SCRIPT} list`)).output);
      const rows = await read("bpf");
      const of = (items: readonly Json[], object: string) =>
        items.filter((item) => item["object"] === object);
      assert.deepEqual(
        of(rows, "program").map(comparableProgram),
        of(told, "program").map(toProgram),
      );
      assert.deepEqual(of(rows, "map").map(comparableMap), of(told, "map").map(toMap));
      assert.deepEqual(of(rows, "link").map(comparableLink), of(told, "link").map(toLink));
      assert.deepEqual(of(rows, "btf").map(comparableBtf), of(told, "btf").map(toBtf));
      assert.ok(of(told, "program").length > 10);
    },
  },
  {
    view: "bpf",
    claim: "programs, maps and links are those that bpftool lists",
    prepare: loadPrograms,
    compare: async (run, read) => {
      const tool = (object: string) => `bpftool -j ${object} show`;
      const { output } = await run(`${tool("prog")}; echo; ${tool("map")}; echo; ${tool("link")}`);
      const [programs, maps, links] = output.trim().split(/\n+/).map(parseList);
      const rows = await read("bpf");
      const of = (object: string) => rows.filter((row) => row["object"] === object);
      assert.deepEqual(
        of("program").map((row) => [row["id"], row["name"] || null, row["tag"], row["codeBytes"]]),
        programs?.map((told) => [
          told["id"],
          told["name"] ?? null,
          told["tag"],
          told["bytes_jited"],
        ]),
      );
      assert.deepEqual(
        of("map").map((row) => [row["id"], row["name"] || null, row["maxEntries"]]),
        maps?.map((told) => [told["id"], told["name"] ?? null, told["max_entries"]]),
      );
      assert.deepEqual(
        of("link").map((row) => [row["id"], row["programId"]]),
        links?.map((told) => [told["id"], told["prog_id"]]),
      );
    },
  },
  {
    view: "bpf",
    claim: "programs are attached where they were attached, with links and without",
    prepare: loadPrograms,
    compare: async (run, read, note) => {
      const log = (await run(`cat ${LOG}`)).output;
      const made = new Set(log.match(/(?<=^made ).*/gm));
      // "cannot make tcx: Invalid argument": the kernel has no such link.
      const unmade = ATTACHED.map(([what]) => what).filter((what) => !made.has(what));
      if (unmade.length > 0) note("not there", `programs attached by ${unmade.join(", ")}`);
      const programs = (await read("bpf")).filter((row) => row["object"] === "program");
      for (const [what, name, kind, target] of ATTACHED) {
        if (!made.has(what)) continue;
        const attachments = programs.find((row) => row["name"] === name)?.["attachments"];
        assert.ok(Array.isArray(attachments) && attachments.length === 1, name);
        assert.equal(attachments[0].kind, kind, name);
        assert.match(attachments[0].target, target);
      }
      assert.ok(made.size > 10, `only ${[...made]} were made`);
      const idle = programs.find((row) => row["name"] === "cm_idle");
      assert.deepEqual(idle?.["attachments"], []);
      assert.deepEqual(idle?.["seenIn"], ["registry", "symbols"]);
    },
  },
];

async function loadPrograms(run: RunInGuest): Promise<void> {
  const ready = await run(`grep -q ^ready ${LOG}`);
  if (ready.exitCode === 0) return;
  const script = await readFile(new URL("bpf-objects.pl", import.meta.url));
  const lines = script.toString("base64").match(/.{1,76}/g) ?? [];
  await run(`base64 -d >${SCRIPT} <<'END'\n${lines.join("\n")}\nEND`);
  await run(
    "mkdir -p /run/casemate-cgroup /run/casemate-bpf; mount -t bpf bpf /run/casemate-bpf; " +
      "mount -t cgroup2 cgroup2 /run/casemate-cgroup; mkdir -p /run/casemate-cgroup/casemate/inner; " +
      "mount -t tracefs tracefs /sys/kernel/tracing",
  );
  const { output } = await run(
    // Up to 5.10 programs count as locked memory.
    `ulimit -l unlimited; setsid perl ${SCRIPT} hold >${LOG} 2>&1 </dev/null & ` +
      `for i in $(seq 300); do grep -q ^ready ${LOG} && break; sleep 0.2; done; cat ${LOG}`,
  );
  assert.match(output, /^ready$/m);
  // What needs modules that not every guest has.
  await run(
    "ip link add cmdummy type dummy && ip link set cmdummy up && " +
      "ip link set cmdummy xdpgeneric pinned /run/casemate-bpf/xdp && " +
      `echo made dummy xdp >>${LOG}; tc qdisc add dev cmdummy clsact && ` +
      "tc filter add dev cmdummy ingress bpf direct-action pinned /run/casemate-bpf/tc && " +
      `echo made dummy tc >>${LOG}`,
  );
  // What is attached stays so.
  await run("umount -l /run/casemate-bpf /run/casemate-cgroup");
}

function parseList(json: string): readonly Json[] {
  return JSON.parse(json);
}

function parseLines(output: string): readonly Json[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}

function comparableProgram({ id, type, name, tag, uid, loadedNs, ...row }: Json): Json {
  const { instructions, codeAddress, codeBytes, mapIds, btfId, gplCompatible } = row;
  const rest = { instructions, codeAddress, codeBytes, mapIds, btfId, gplCompatible };
  return { id, type, name, tag, uid, loadedNs, ...rest };
}

function toProgram(told: Json): Json {
  return {
    id: told["id"],
    type: PROGRAM_TYPES[Number(told["type"])],
    name: told["name"],
    tag: told["tag"],
    uid: told["created_by_uid"],
    loadedNs: told["load_time"],
    instructions: Number(told["xlated_prog_len"]) / 8,
    codeAddress: `0x${told["code_name"]}`,
    codeBytes: told["jited_prog_len"],
    mapIds: told["map_ids"],
    btfId: told["btf_id"] === 0 ? null : told["btf_id"],
    gplCompatible: told["gpl"] === 1,
  };
}

function comparableMap({
  id,
  type,
  name,
  keySize,
  valueSize,
  maxEntries,
  flags,
  btfId,
}: Json): Json {
  return { id, type, name, keySize, valueSize, maxEntries, flags, btfId };
}

function toMap(told: Json): Json {
  return {
    id: told["id"],
    type: MAP_TYPES[Number(told["type"])],
    name: told["name"],
    keySize: told["key_size"],
    valueSize: told["value_size"],
    maxEntries: told["max_entries"],
    flags: told["map_flags"],
    btfId: told["btf_id"] === 0 ? null : told["btf_id"],
  };
}

function comparableLink({ id, type, programId }: Json): Json {
  return { id, type, programId };
}

function toLink(told: Json): Json {
  return { id: told["id"], type: LINK_TYPES[Number(told["type"])], programId: told["prog_id"] };
}

function comparableBtf({ id, name, bytes, kernel }: Json): Json {
  return { id, name, bytes, kernel };
}

function toBtf(told: Json): Json {
  return {
    id: told["id"],
    name: told["name"],
    bytes: told["btf_size"],
    kernel: told["kernel_btf"] === 1,
  };
}
