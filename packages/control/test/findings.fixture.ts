import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Verdict } from "@casemate/inspect";
import type { Fact } from "@casemate/ledger";
import { factLogIn } from "../src/facts/fact-log.ts";
import { openLedger } from "../src/facts/open-ledger.ts";
import { openProjections } from "../src/facts/projections.ts";
import { Reserve } from "../src/facts/reserve.ts";
import type { VmResource } from "../src/spine/gate.ts";
import { openStore } from "../src/store/store.ts";
import type { Finding } from "../src/watch/findings/finding.ts";
import { findingsIn } from "../src/watch/findings/findings.ts";
import { asDetected, type Judge } from "../src/watch/findings/plan-findings.ts";

export const minute = 60_000;

/** A VM that only findings know. */
export const someVm: VmResource = {
  kind: "vm",
  uuid: "5f0b2a9e-6a4e-4f0e-9a57-0d8f5c9d3b11",
  name: "web01",
  host: "0123456789abcdef",
  networks: ["default"],
  labels: ["production"],
};

/** Findings in a ledger of their own, with a clock for sweeps, without hosts and policies. */
export async function openFindings(t: TestContext, judge: Judge = asDetected) {
  const directory = await mkdtemp(join(tmpdir(), "casemate-findings-"));
  const stack = new AsyncDisposableStack();
  t.after(async () => {
    await stack.disposeAsync();
    await rm(directory, { recursive: true, force: true });
  });
  const store = stack.use(await openStore(directory));
  const ledger = stack.use(
    await openLedger(directory, store, (thrown) => {
      throw thrown;
    }),
  );
  const projections = stack.use(await openProjections(directory, ledger));
  const changes: { readonly fact: Fact; readonly finding: Finding }[] = [];
  const facts = factLogIn(ledger, projections, new Reserve(directory));
  const findings = findingsIn(projections.db, facts, judge, (fact, finding) => {
    changes.push({ fact, finding });
  });
  let at = Date.now();
  return {
    ...{ directory, store, ledger, facts, findings, projections, changes },
    sweep: (...verdicts: readonly Verdict[]) =>
      findings.observe({ vm: someVm, verdicts, at: new Date(at) }),
    kinds: async () =>
      (await Array.fromAsync(ledger.walk())).map(({ kind }) => kind.replace("finding/", "")),
    only: async () => {
      const [finding, ...others] = await findings.list();
      if (finding === undefined || others.length > 0) throw new Error("there is not just one");
      return finding;
    },
    pass: (milliseconds: number) => {
      at += milliseconds;
    },
    close: () => stack.disposeAsync(),
  };
}
