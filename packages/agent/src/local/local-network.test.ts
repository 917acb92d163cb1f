import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const source = (name: string) => JSON.stringify(join(import.meta.dirname, name));

/** Cuts a process of a VM with one tap device off, whose labels cannot be written; prints the rules that stand. */
const script = `
  import { execFileSync } from "node:child_process";
  import { VmCut } from "@casemate/host";
  import { LocalNetwork } from ${source("local-network.ts")};
  const uuid = "01234567-89ab-4def-8123-456789abcdef";
  const run = (command, ...args) => execFileSync(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  run("ip", "tuntap", "add", "vnet0", "mode", "tap");
  const nics = [{ mac: "52:54:00:00:00:01", tap: "vnet0", source: { kind: "network" } }];
  const vm = { uuid, name: "web01", runId: "1", state: "running", labels: [], nics };
  const network = new LocalNetwork({ local: true, find: async () => vm, list: async () => [vm] }, async () => {
    throw new Error("libvirt is gone");
  });
  const traffic = { tcpPorts: [22], udpPorts: [], open: [], closed: [] };
  const process = { pid: 731, started: "10.00", since: "20.00" };
  const failed = await network.cut(uuid, process, traffic).catch(({ message }) => message);
  const { chains, sets } = await new VmCut(uuid).read();
  console.log(JSON.stringify({ failed, chains, sets }));`;

const skip = process.getuid?.() === 0 ? false : "only root makes tap devices";

test("LocalNetwork.cut: where the VM cannot be labelled no rules stay", { skip }, () => {
  const node = [process.execPath, "--input-type=module-typescript", "--eval", script];
  const options = { encoding: "utf8", cwd: import.meta.dirname } as const; // the encoding's own name
  const { stdout, stderr } = spawnSync("unshare", ["--net", ...node], options);
  const left = JSON.parse(stdout || assert.fail(stderr));
  assert.deepEqual(left, { failed: "libvirt is gone", chains: [], sets: [] });
});
