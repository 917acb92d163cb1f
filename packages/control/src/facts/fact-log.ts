import type { Fact, FactDraft, Ledger } from "@casemate/ledger";
import type { Projections } from "./projections.ts";
import type { Reserve } from "./reserve.ts";

/** Where everything that happens is written down, before anything else follows from it. */
export interface FactLog {
  /**
   * Resolves when the fact is on disk and the tables follow from it.
   *
   * Throws `ledger/*`, `disk/full`, `data/not-writable`: then it is not recorded, and what it stands for
   * must not happen.
   */
  record(draft: FactDraft): Promise<Fact>;
  /** As `record`, of what has happened already: where the disk is full, in the room that is kept for that. */
  recordOutcome(draft: FactDraft): Promise<Fact>;
}

export function factLogIn(ledger: Ledger, projections: Projections, reserve: Reserve): FactLog {
  const follow = async (fact: Fact): Promise<Fact> => {
    // It is recorded: the tables must follow, and there is room for that.
    await reserve.spend(() => projections.fold(fact));
    return fact;
  };
  return {
    async record(draft) {
      await reserve.hold();
      return await follow(await ledger.append(draft));
    },
    async recordOutcome(draft) {
      return await follow(await reserve.spend(() => ledger.append(draft)));
    },
  };
}
