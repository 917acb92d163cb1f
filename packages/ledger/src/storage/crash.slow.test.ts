import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { draft, origin, scratch } from "../../test/scratch.ts";
import { checkLedger } from "../check/check-ledger.ts";
import { Ledger } from "./ledger.ts";

const ROUNDS = 50;
const program = fileURLToPath(new URL("../../test/append-facts.ts", import.meta.url));

/** With Node's cache of compiled code beside the ledger: starting is most of what a round takes. */
function startChild(directory: string, args: readonly string[]) {
  return spawn(process.execPath, [program, directory, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: `${directory}.cache` },
  });
}

/** Lets a process append for some milliseconds, and kills it; what it was told is recorded. */
async function appendUntilKilled(directory: string, start: number, ms: number) {
  const child = startChild(directory, [String(start)]);
  let told = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    told += text;
  });
  await once(child.stdout, "data");
  await sleep(ms);
  child.kill("SIGKILL");
  await once(child, "close");
  return told.slice(0, told.lastIndexOf("\n")).split("\n").slice(1);
}

test("Ledger: killed at 50 random moments, it has every fact that was acknowledged", async (t) => {
  const directory = join(await scratch(t), "ledger");
  await once(startChild(directory, ["0", "1"]).stdout.resume(), "close"); // fills the cache as it ends
  const acknowledged = new Map<number, number>();
  const redactions = { redacting: new Set<number>(), redacted: new Set<number>() };
  let attempts = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    // Opening is what the next process begins with: what one left undone, the next one repairs.
    for (const line of await appendUntilKilled(directory, attempts, Math.random() ** 2 * 60)) {
      const [word = "", number = ""] = line.split(" ");
      if (word === "redacting" || word === "redacted") {
        redactions[word].add(Number(number));
        continue;
      }
      acknowledged.set(Number(word), Number(number));
      attempts = Math.max(attempts, Number(number));
    }
    attempts += 100;
  }
  assert.ok(acknowledged.size > ROUNDS);
  {
    await using ledger = await Ledger.open(directory, { origin });
    let index = 0;
    for await (const fact of ledger.walk()) {
      assert.equal(fact.index, index);
      const attempt = acknowledged.get(index);
      if (attempt !== undefined) {
        assert.equal(fact.body["attempt"], attempt);
        const { sealed } = draft(attempt);
        if (redactions.redacted.has(index)) assert.equal(fact.sealed, undefined);
        else if (!redactions.redacting.has(index)) assert.deepEqual(fact.sealed, sealed);
      }
      index += 1;
    }
    assert.ok(Math.max(...acknowledged.keys()) < index);
  }
  assert.deepEqual((await checkLedger(directory)).damages, []);
});
