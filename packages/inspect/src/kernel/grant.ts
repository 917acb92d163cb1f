import { CasemateError, type PhysicalMemory, toCasemateError } from "@casemate/core";
import { Budget, type BudgetLimits } from "../budget.ts";
import type { View, ViewResult } from "../views/define-view.ts";
import type { Damage } from "./damage.ts";
import type { Access, DataClass } from "./data-class.ts";
import type { KernelReader } from "./kernel-reader.ts";

/**
 * How far a result can be trusted to be one moment of the guest:
 * `consistent` at the first try, `retried` at a later one, `torn` at none.
 */
export type Consistency = "consistent" | "retried" | "torn";

/** What a look returned, and what it cost. */
export interface Look<Value> {
  readonly value: Value;
  readonly consistency: Consistency;
  /** What is missing because it could not be read; where there is any, the value proves nothing clean. */
  readonly damaged: readonly Damage[];
  readonly attempts: number;
  /** Elements that walks visited in the last attempt. */
  readonly steps: number;
  readonly milliseconds: number;
}

/** A look that tears is tried again this often. */
const RETRIES = 3;

/** Leave to look at some classes of a guest's data. */
export class Grant<Classes extends DataClass> {
  readonly classes: readonly DataClass[];
  readonly #kernel: KernelReader;
  readonly #memory: PhysicalMemory;
  readonly #access: Access<Classes>;

  constructor(
    kernel: KernelReader,
    memory: PhysicalMemory,
    classes: readonly Classes[],
    access: Access<Classes>,
  ) {
    this.#kernel = kernel;
    this.#memory = memory;
    this.classes = classes;
    this.#access = access;
  }

  /**
   * Reads a view whose classes are granted; rows that are damaged are told, not shown. Throws `kernel/…`
   * (`kernel/damaged` where all there is is damaged), `inspect/budget`, `auth/denied`, and
   * `inspect/not-found` where what the argument names is not there.
   */
  read<Needs extends Classes, Row extends object, Argument = undefined>(
    view: View<Needs, Row, Argument>,
    limits?: BudgetLimits,
    ...[argument]: undefined extends Argument ? [argument?: Argument] : [argument: Argument]
  ): ViewResult<Row> {
    const refused = view.needs.find((need) => !this.classes.includes(need));
    if (refused !== undefined) {
      throw new CasemateError(
        "auth/denied",
        `Cannot read ${view.id}: ${this.classes.join(" and ")} was granted, expected ${refused} too.`,
      );
    }
    const look = this.look((access, budget) => {
      // The classes were checked above: what the view may use is part of what was granted.
      // An argument may be left out only where the view takes `undefined`.
      return view.read(access as unknown as Access<Needs>, budget, argument as Argument);
    }, limits);
    const { value: items, ...cost } = look;
    const [first] = cost.damaged;
    if (items.length === 0 && first !== undefined) {
      throw new CasemateError("kernel/damaged", first.reason);
    }
    return { view: view.id, kind: view.kind, items, ...cost };
  }

  /**
   * Runs `read` as one look: again when the guest changed what it walked over, all within one budget.
   *
   * Throws `kernel/damaged` where structures contradict themselves at every try, and `inspect/budget`
   * where not even one try was done in time.
   */
  look<Value>(
    read: (access: Access<Classes>, budget: Budget) => Value,
    limits?: BudgetLimits,
  ): Look<Value> {
    const started = performance.now();
    let budget = new Budget(limits);
    /** The rows of an attempt that are whole but not one moment: better than none. */
    let torn: Omit<Look<Value>, "milliseconds"> | undefined;
    const finish = (look: Omit<Look<Value>, "milliseconds">) => {
      return { ...look, milliseconds: performance.now() - started };
    };
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt > RETRIES || !this.#memory.live;
      this.#kernel.begin(budget);
      try {
        const value = read(this.#access, budget);
        const { damaged } = this.#kernel;
        torn = { value, consistency: "torn", damaged, attempts: attempt, steps: budget.spent };
        // What changes under the reader looks damaged: only what stays so is.
        const isConsistent = this.#kernel.isConsistent() && (last || damaged.length === 0);
        if (isConsistent) {
          return finish({ ...torn, consistency: attempt === 1 ? "consistent" : "retried" });
        }
        if (last) return finish(torn);
      } catch (thrown) {
        const error = toCasemateError(thrown);
        const isDamaged = error.code === "kernel/damaged";
        const isOver = error.code === "inspect/budget" || (isDamaged && last);
        if (isOver && torn !== undefined) return finish(torn);
        if (!isDamaged || last) throw error;
      }
      budget = budget.renew(); // HOSTILE: a guest that never holds still gets no more time for it.
    }
  }
}
