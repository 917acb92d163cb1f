import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { packageUseFinder } from "./package-use-finder.ts";
import {
  all,
  DEVICE,
  dpkgOf,
  ELF,
  mappingOf,
  memoryOf,
  OBJECT,
  openTree,
  scanRunning,
} from "./running.fixture.ts";
import type { MemoryGap, RunningMemory } from "./running-memory.ts";

const SSL = "/usr/lib/x86_64-linux-gnu/libssl.so.3";
const CURL = "/usr/lib/x86_64-linux-gnu/libcurl.so.4.8.0";
const files = openTree({
  "/lib": { link: "usr/lib" },
  [SSL]: ELF,
  [CURL]: ELF,
  "/usr/lib/x86_64-linux-gnu/libcurl.so.4": { link: "libcurl.so.4.8.0" },
  "/usr/sbin/served": { contents: ELF.toString("latin1"), mode: 0o755 },
  "/usr/bin/tool": { contents: "#!/usr/bin/perl\n", mode: 0o755 },
  "/usr/lib/libtool/crt1.o": OBJECT,
  "/usr/lib/modules/6.1.0-22-amd64/kernel/a.ko": OBJECT,
  "/usr/lib/modules/6.1.0-18-amd64/kernel/a.ko": OBJECT,
  "/usr/lib/linked": { link: "real" },
  "/usr/lib/real/far.so": ELF,
  ...dpkgOf({
    libssl3: ["/lib", "/lib/x86_64-linux-gnu", SSL.replace("/usr", ""), "/usr/share/doc/gone"],
    libcurl4: [CURL, "/usr/lib/x86_64-linux-gnu/libcurl.so.4"],
    served: ["/usr/sbin/served", "/mnt/more/bin/helper"],
    tool: ["/usr/bin/tool"],
    headers: ["/usr/lib/libtool/crt1.o"],
    "linux-22": ["/usr/lib/modules/6.1.0-22-amd64/kernel/a.ko"],
    "linux-18": ["/usr/lib/modules/6.1.0-18-amd64/kernel/a.ko"],
    linked: ["/usr/lib/linked/far.so"],
  }),
});

function statesOf(memory: RunningMemory, prepare?: Parameters<typeof scanRunning>[2]) {
  const { packageUses } = scanRunning(files, memory, prepare);
  return Object.fromEntries(packageUses.map(({ package: name, state }) => [name, state]));
}

const gap: MemoryGap = { code: "inspect/torn", reason: "Cannot read maps of one moment." };

test("packageUses: what maps each package, and what is not loaded", () => {
  const memory = memoryOf(
    { 7: "served", 8: "idle" },
    {
      mappings: all(mappingOf(files, SSL, { pids: [7, 8] }), {
        ...mappingOf(files, "/usr/sbin/served"),
        pids: [7],
      }),
      listening: all({ protocol: "tcp", address: "::", port: 443, pids: [7] }),
    },
  );
  const { packageUses, missed } = scanRunning(files, memory);
  assert.deepEqual(missed, []);
  const find = packageUseFinder(packageUses);
  const endpoint = { protocol: "tcp", address: "::", port: 443 };
  assert.deepEqual(find({ type: "deb", package: "libssl3" }), {
    state: "mapped",
    count: 2,
    processes: [
      { pid: 7, name: "served", listening: [endpoint], paths: [SSL], runsOld: false },
      { pid: 8, name: "idle", listening: [], paths: [SSL], runsOld: false },
    ],
  });
  assert.deepEqual(find({ type: "deb", package: "libcurl4" }), {
    state: "not-loaded",
    programs: 1,
  });
  assert.deepEqual(statesOf(memory), {
    libssl3: "mapped",
    libcurl4: "not-loaded",
    served: "mapped",
    tool: "unknown",
    headers: "unknown",
    "linux-22": "running-kernel",
    "linux-18": "not-loaded",
    linked: "unknown",
  });
  assert.equal(find({ type: "rpm", package: "libssl3" }).state, "unknown");
});

test("packageUses: a file under another name is known by its inode, a container's is not the system's", () => {
  const bound = mappingOf(files, SSL, { path: "/srv/root/lib/libssl.so.3", pids: [7] });
  assert.equal(statesOf(memoryOf({ 7: "a" }, { mappings: all(bound) }))["libssl3"], "mapped");
  const overlay = mappingOf(files, SSL, { device: "0:52", inode: "99", pids: [7] });
  const contained = memoryOf({}, { mappings: all(overlay) });
  assert.equal(statesOf(contained)["libssl3"], "not-loaded");
  const through = mappingOf(files, SSL, { device: "0:52", pids: [7] });
  assert.equal(statesOf(memoryOf({}, { mappings: all(through) }))["libssl3"], "unknown");
});

test("packageUses: a file that something else is mounted over is still mapped", () => {
  const mounts = all({ mountpoint: "/", device: DEVICE }, { mountpoint: SSL, device: "0:60" });
  const mapping = mappingOf(files, SSL, { pids: [7] });
  const memory = memoryOf({ 7: "served" }, { mappings: all(mapping), mounts });
  assert.equal(statesOf(memory)["libssl3"], "mapped");
});

test("packageUses: a file of the name in another root directory leaves it open", () => {
  const other = mappingOf(files, SSL, { inode: "999999", pids: [7] });
  const processes = all(
    { pid: 1, name: "init", mountNamespace: 1 },
    { pid: 7, name: "nspawned", mountNamespace: 2 },
  );
  const inOther = memoryOf({}, { mappings: all(other), processes });
  assert.equal(statesOf(inOther)["libssl3"], "unknown");
  // The disk may have been read a moment before the file was written.
  assert.equal(statesOf(memoryOf({ 7: "a" }, { mappings: all(other) }))["libssl3"], "mapped");
});

test("outdatedPrograms: replaced, removed for a newer version, and a container's", () => {
  const old = { deleted: true, inode: "777", pids: [7] };
  const removed = CURL.replace("4.8.0", "4.7.0");
  const memory = memoryOf(
    { 7: "served" },
    {
      mappings: all(
        mappingOf(files, SSL, old),
        mappingOf(files, CURL, { ...old, path: removed }),
        mappingOf(files, SSL, { ...old, device: "0:52" }),
        mappingOf(files, SSL, { ...old, path: "/memfd:jit" }),
        mappingOf(files, SSL, { ...old, executable: false, path: "/usr/share/gone" }),
      ),
      listening: { rows: [], gaps: [gap] },
    },
  );
  const { packageUses, outdatedPrograms } = scanRunning(files, memory);
  const process = { pid: 7, name: "served" };
  assert.deepEqual(outdatedPrograms, [
    { ...process, path: SSL, now: "replaced", package: "libssl3", packageType: "deb" },
    { ...process, path: removed, now: "removed", package: "libcurl4", packageType: "deb" },
    { ...process, path: SSL, now: "elsewhere", package: null, packageType: null },
  ]);
  for (const [name, path] of Object.entries({ libssl3: SSL, libcurl4: removed })) {
    assert.deepEqual(packageUseFinder(packageUses)({ type: "deb", package: name }), {
      state: "mapped",
      count: 1,
      processes: [{ ...process, paths: [path], runsOld: true }],
    });
  }
});

test("packageUses: property: nothing is said to be not loaded where something was missed", () => {
  const gapsOf = fc.subarray(["mappings", "mounts", "processes"] as const);
  const missedOf = fc.subarray(["/var/lib/dpkg/info/libcurl4.list", "/mnt/more"]);
  const mapped = fc.subarray([SSL, CURL, "/usr/sbin/served"]);
  fc.assert(
    fc.property(gapsOf, missedOf, mapped, (gaps, missed, paths) => {
      const memory = memoryOf(
        { 7: "served" },
        { mappings: all(...paths.map((path) => mappingOf(files, path, { pids: [7] }))) },
      );
      const withGaps = Object.fromEntries(
        gaps.map((view) => [view, { rows: memory[view].rows, gaps: [gap] }]),
      );
      const states = statesOf({ ...memory, ...withGaps }, (look) => {
        for (const path of missed) {
          look.miss(path, new CasemateError("disk/damaged", `Cannot read ${path}.`));
        }
      });
      const isOpen = gaps.length > 0 || missed.includes("/var/lib/dpkg/info/libcurl4.list");
      for (const [name, path] of Object.entries({
        libssl3: SSL,
        libcurl4: CURL,
        served: "/usr/sbin/served",
      })) {
        const expected = isOpen || (name === "served" && missed.includes("/mnt/more"));
        const state = paths.includes(path) ? "mapped" : expected ? "unknown" : "not-loaded";
        // Where mounts are not known whole, devices are not either, and paths are taken.
        assert.equal(states[name], state);
      }
      if (isOpen) assert.ok(!Object.values(states).includes("not-loaded"));
    }),
    { numRuns: 60 },
  );
});

test("packageUses: without mounts files are known by their paths, and only in the first mount namespace", () => {
  const mounts = { rows: [], gaps: [gap] };
  const mapping = mappingOf(files, SSL, { pids: [7] });
  const memory = memoryOf({ 7: "a" }, { mappings: all(mapping), mounts });
  assert.equal(statesOf(memory)["libssl3"], "mapped");
  assert.equal(statesOf(memoryOf({}, { mappings: all(mapping), mounts }))["libssl3"], "unknown");
});
