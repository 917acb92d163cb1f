import { CasemateError, type Milliseconds } from "@casemate/core";
import {
  type AnyView,
  parseArgument,
  processSockets,
  signalTarget,
  views,
} from "@casemate/inspect";

/** What to look at: a view, what it is told besides, and what the look may cost. */
export interface ViewRequest {
  /** The view's id. */
  readonly view: string;
  /** As people write it; the view parses it. */
  readonly argument?: string | undefined;
  readonly budget: Milliseconds;
}

/** A look into a VM that may run. */
export interface LookRequest extends ViewRequest {
  /**
   * Has the VM stand still while its memory is walked over, for `limit` at most (1 ms to 5 s, 50 ms unless
   * given); without it the VM is not touched.
   */
  readonly pause?: { readonly limit?: Milliseconds | undefined } | undefined;
}

/** Views that nobody chooses: what acts on processes reads them. */
const unlisted: readonly AnyView[] = [signalTarget, processSockets];

/** The view that is asked for. Throws `usage` when there is none or its argument does not fit. */
export function inspectableView({ view: id, argument }: Omit<ViewRequest, "budget">): AnyView {
  const view = [...views, ...unlisted].find((each) => each.id === id);
  if (view === undefined) {
    const known = views.map((each) => each.id).join(", ");
    throw new CasemateError(
      "usage",
      `Cannot read view ${id}: there is none of this name, expected one of ${known}.`,
    );
  }
  parseArgument(view, argument);
  return view;
}
