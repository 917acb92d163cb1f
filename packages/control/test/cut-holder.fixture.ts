import { attachHost } from "@casemate/agent";

// Cuts a process off, says so, and follows its guest until it is killed.

const [uri = "", uuid = "", pid = "", started = ""] = process.argv.slice(2);
const host = await attachHost({ uri });
await host.cuts.cut(uuid, { pid: Number(pid), started });
process.stdout.write("cut\n");
