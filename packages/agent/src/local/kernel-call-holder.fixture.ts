/** A process whose call of a guest's kernel never finds its moment: to be killed by a test, wherever it is. */
import { gva, milliseconds, toCasemateError } from "@casemate/core";
import { callKernel, LibvirtConnection } from "@casemate/host";

const [uri = "", uuid = "", before = "", journal = ""] = process.argv.slice(2);

const at = gva(BigInt(before));
await using connection = await LibvirtConnection.open(uri);
const call = {
  ...{ before: at, function: at, identity: [], mend: [] },
  arguments: [0n, 0n, 0n] as const,
  // Code that is nothing but zeros: there is none.
  idle: [{ address: at, mask: 0xffff_ffff_ffff_ffffn, value: 0n }],
};
try {
  await callKernel({ connection, uuid, call, journal, wait: milliseconds(60_000) });
} catch (thrown) {
  process.stdout.write(toCasemateError(thrown).code);
}
