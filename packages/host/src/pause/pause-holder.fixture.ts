/** A process that pauses a VM, says so, and then does nothing more: to be killed by a test. */
import { milliseconds } from "@casemate/core";
import { LibvirtConnection } from "../libvirt/libvirt-connection.ts";
import { pauseVm } from "./pause-vm.ts";

const [uri = "", uuid = "", limit = "", journal = ""] = process.argv.slice(2);

const connection = await LibvirtConnection.open(uri);
await pauseVm({ connection, uuid, limit: milliseconds(Number(limit)), journal });
process.stdout.write("paused\n");
setInterval(() => {}, 60_000);
