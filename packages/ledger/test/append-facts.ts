/**
 * Appends facts to the ledger in the directory given until it is killed, or so many attempts, and tells of each on
 * stdout once it is acknowledged: its index and its attempt. Meanwhile it takes sealed bodies out, telling of it
 * before and after, and makes new keys.
 */
import { milliseconds } from "@casemate/core";
import { Ledger } from "../src/index.ts";
import { draft, origin } from "./scratch.ts";

const [, , directory = "", start = "0", end = "Infinity"] = process.argv;
await using ledger = await Ledger.open(directory, { origin, checkpointAfter: milliseconds(3) });
let attempt = Number(start);
const report = (text: string) => process.stdout.write(text);
const append = async () => {
  attempt += 1;
  const { index, body, sealed } = await ledger.append(draft(attempt));
  report(`${index} ${body["attempt"]}\n`);
  return { index, isSealed: sealed !== undefined };
};
report("ready\n");
await Promise.all([
  ...Array.from({ length: 8 }, async () => {
    while (attempt < Number(end)) await append();
  }),
  (async () => {
    while (attempt < Number(end)) {
      const { index, isSealed } = await append();
      if (!isSealed) continue;
      report(`redacting ${index}\n`);
      await ledger.redact(index, { actor: "account:dpo", reason: "asked to" });
      report(`redacted ${index}\n`);
      await ledger.rotateKey("account:alice");
    }
  })(),
]);
