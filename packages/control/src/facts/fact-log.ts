import type { Fact, FactDraft, Ledger } from "@casemate/ledger";
import type { Projections } from "./projections.ts";

/** Where everything that happens is written down, before anything else follows from it. */
export interface FactLog {
  /**
   * Resolves when the fact is on disk and the tables follow from it.
   *
   * Throws `ledger/*`, `disk/full`, `data/not-writable`: then it is not recorded, and what it stands for
   * must not happen.
   */
  record(draft: FactDraft): Promise<Fact>;
}

export function factLogIn(ledger: Ledger, projections: Projections): FactLog {
  return {
    async record(draft) {
      const fact = await ledger.append(draft);
      await projections.fold(fact);
      return fact;
    },
  };
}
