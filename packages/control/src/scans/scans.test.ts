import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { VmScan } from "@casemate/agent";
import type { InstalledPackage } from "@casemate/scan";
import type { VmResource } from "../spine/gate.ts";
import { openStore } from "../store/store.ts";
import { AdvisoryStore } from "./advisory-store.ts";
import { findExposures } from "./find-exposures.ts";
import { findUse } from "./package-uses.ts";
import { scannedStatesIn } from "./scanned-states.ts";

let scratch: string;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-scans-"));
});
after(() => rm(scratch, { recursive: true, force: true }));

const vm = (name: string): VmResource => ({
  ...{ kind: "vm", uuid: `uuid-${name}`, name, host: "host", networks: [], labels: [] },
});

const tool = (version: string): InstalledPackage => ({
  ...{ type: "npm", name: "tool", version, purl: `pkg:npm/tool@${version}`, from: "/x" },
});

/** A scan that found one version; of a snapshot where it has a name. */
function scanOf(version: string, at: string, name?: string, missed = 0): VmScan {
  const state = { at: new Date(at), consistency: "consistent" } as const;
  return {
    ...{ subject: "x", takenAt: new Date(), elapsedMs: 1, volumes: [] },
    found: { packages: [tool(version)] },
    state:
      name === undefined ? { kind: "running", ...state } : { kind: "snapshot", name, ...state },
    missed: Array.from({ length: missed }, () => ({
      ...{ what: "/x", code: "disk/damaged", reason: "Cannot." },
    })),
    coverage: { volumes: { read: 1, total: 1 }, bytes: { read: 1, total: 1 } },
  };
}

const feed = (fixed: string) =>
  JSON.stringify({
    id: "TEST-1",
    aliases: ["CVE-2024-99001"],
    published: "2024-03-01T00:00:00Z",
    modified: "2024-03-01T00:00:00Z",
    affected: [
      {
        package: { ecosystem: "npm", name: "tool" },
        ranges: [{ type: "SEMVER", events: [{ introduced: "0" }, { fixed }] }],
      },
    ],
  });

test("scannedStatesIn: a state is kept once for as long as it is the same, its inventory once for all", async () => {
  await using store = await openStore(scratch);
  const states = scannedStatesIn(store.db);
  await states.keep(vm("a"), scanOf("1.0.0", "2024-01-01T00:00:00.000Z"));
  await states.keep(vm("a"), scanOf("1.0.0", "2024-02-01T00:00:00.000Z"));
  await states.keep(vm("a"), scanOf("2.0.0", "2024-03-01T00:00:00.000Z"));
  await states.keep(vm("a"), scanOf("1.0.0", "2023-01-01T00:00:00.000Z", "old"));
  await states.keep(vm("b"), scanOf("1.0.0", "2024-01-01T00:00:00.000Z", undefined, 2));
  const kept = await states.list();
  assert.deepEqual(
    kept.map(({ resource, snapshot, firstAt, lastAt, missed }) => [
      ...[resource.name, snapshot, firstAt.slice(0, 7), lastAt.slice(0, 7), missed],
    ]),
    [
      ["a", undefined, "2024-01", "2024-02", 0],
      ["a", undefined, "2024-03", "2024-03", 0],
      ["a", "old", "2023-01", "2023-01", 0],
      ["b", undefined, "2024-01", "2024-01", 2],
    ],
  );
  assert.equal((await states.inventories()).size, 2);
});

test("findExposures: since when, out of what is stored; what was not seen whole is said", async () => {
  await using store = await openStore(scratch);
  const states = scannedStatesIn(store.db);
  const advisories = new AdvisoryStore(scratch);
  const file = join(scratch, "feed.json");
  await writeFile(file, feed("1.5.0"));
  assert.equal(await advisories.snapshot(), undefined);
  await advisories.importFile("mine", "osv", file);
  const opened = await advisories.snapshot();
  assert.ok(opened !== undefined);
  const found = findExposures(await states.list(), await states.inventories(), opened);
  assert.deepEqual(
    found.map(({ vm, exposures, incomplete }) => [
      vm.name,
      exposures.map(({ firstState, firstExposedOn, latestState }) => [
        ...[firstState, firstExposedOn.slice(0, 7), latestState],
      ]),
      incomplete,
    ]),
    [
      ["a", [["snapshot old", "2023-01", "until 2024-02-01T00:00:00.000Z"]], []],
      ["b", [["current", "2024-01", "current"]], ["current"]],
    ],
  );
});

test("findExposures: how a package is used, as memory last said of the same disks", async () => {
  await using store = await openStore(await mkdtemp(join(scratch, "uses-")));
  const states = scannedStatesIn(store.db);
  const { found, ...scan } = scanOf("1.0.0", "2024-05-01T00:00:00.000Z");
  const end = { protocol: "tcp", address: "::", port: 80 };
  const process = { pid: 7, name: "served", paths: ["/x"], runsOld: false, listening: [end] };
  const use = { ...tool("1.0.0"), package: "tool", state: "mapped", count: 1 } as const;
  const packageUses = [{ ...use, processes: [process] as const }];
  const missed = [{ what: "memory/mounts", code: "inspect/torn", reason: "Cannot." } as const];
  await states.keep(vm("a"), { ...scan, missed, found: { ...found, packageUses } });
  await states.keep(vm("a"), scanOf("1.0.0", "2024-06-01T00:00:00.000Z"));
  const [kept, ...others] = await states.list();
  assert.deepEqual(others, []);
  assert.ok(kept?.uses !== undefined);
  assert.equal(kept.uses.at, "2024-05-01T00:00:00.000Z");
  assert.equal(findUse(kept.uses, { type: "npm", package: "tool" }), "listening");
  assert.equal(findUse(kept.uses, { type: "npm", package: "toString" }), "unknown");
  // Disks that changed are another state, of whose packages memory said nothing.
  await states.keep(vm("a"), scanOf("2.0.0", "2024-07-01T00:00:00.000Z"));
  assert.equal((await states.list()).at(-1)?.uses, undefined);
});

test("AdvisoryStore: another feed of that name replaces it; one that is none changes nothing", async () => {
  const advisories = new AdvisoryStore(scratch);
  const before = (await advisories.snapshot())?.manifest.sha256;
  const file = join(scratch, "broken.json");
  await writeFile(file, "{");
  await assert.rejects(advisories.importFile("mine", "osv", file), { code: "feed/malformed" });
  await assert.rejects(advisories.importFile("../x", "osv", file), { code: "usage" });
  assert.equal((await advisories.snapshot())?.manifest.sha256, before);
  await writeFile(file, feed("3.0.0"));
  const manifest = await advisories.importFile("mine", "osv", file);
  assert.equal((await advisories.snapshot())?.manifest.sha256, manifest.sha256);
  assert.notEqual(manifest.sha256, before);
  assert.deepEqual(manifest.feeds, [{ name: "mine", advisories: 1, skipped: 0 }]);
  const directory = join(scratch, "advisories");
  const names = await readdir(directory);
  assert.equal(names.filter((name) => name.endsWith(".advisories")).length, 1);
  assert.equal((await stat(join(directory, "signing-key.pem"))).mode & 0o777, 0o600);
  // Made by somebody else's key, it is not used.
  await rm(join(directory, "signing-key.pem"));
  await assert.rejects(new AdvisoryStore(scratch).snapshot(), { code: "feed/untrusted" });
});
