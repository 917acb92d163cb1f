// Starts a lab and waits: for the test that kills the process that owns one.
import { labCacheDir, startLab } from "../src/index.ts";

const [dataDir] = process.argv.slice(2);
if (dataDir === undefined) throw new Error("usage: own-a-lab.ts DATA-DIR");
const lab = await startLab({ dataDir, cacheDir: labCacheDir, accelerator: "tcg" });
console.log(
  JSON.stringify({ directory: lab.libvirt.directory, daemon: await lab.libvirt.daemonPid() }),
);
setInterval(() => {}, 1000);
