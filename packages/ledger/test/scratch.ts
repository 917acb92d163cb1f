import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { FactDraft } from "../src/index.ts";

/** The log that tests write. */
export const origin = "casemate.test/ledger";

/** A directory that goes with the test. */
export async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "casemate-ledger-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** The draft of some fact; every seventh has a sealed body. */
export function draft(i: number): FactDraft {
  return {
    kind: "vm/started",
    actor: "account:alice",
    subject: `vm:${i}`,
    body: { attempt: i, host: "kvm1" },
    ...(i % 7 === 0
      ? { sealed: { reason: `ticket ${i}`, address: { mac: `52:54:00:${i}` } } }
      : {}),
  };
}
