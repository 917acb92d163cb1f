import { setgid, setgroups, setuid } from "node:process";
import { memoryFrom } from "./memory-from.ts";
import { receiveFds } from "./pass-fds.ts";

// A process without rights that reads a guest's memory by the descriptors it is sent: argument 1 is
// the guest-physical address of a page; its bytes go to standard output in hexadecimal.
setgroups?.([]);
setgid?.(65534);
setuid?.(65534);
const { text, fds } = receiveFds(3, 10_000);
await using memory = memoryFrom(JSON.parse(text), fds);
const address = Number(process.argv[2]);
const size = 2 ** memory.windowShift;
const window = memory.window(Math.floor(address / size));
const page = new Uint8Array(window?.buffer ?? new ArrayBuffer(0), address % size, 4096);
process.stdout.write(`${process.getuid?.()} ${Buffer.from(page).toString("hex")}`);
