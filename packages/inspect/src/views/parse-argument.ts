import { CasemateError } from "@casemate/core";
import type { DataClass } from "../kernel/data-class.ts";
import type { View } from "./define-view.ts";

/** The argument of `view` as people wrote it, checked. Throws `usage` for one too many, too few or wrong. */
export function parseArgument<Argument>(
  view: Pick<View<DataClass, object, Argument>, "id" | "argument">,
  text: string | undefined,
): Argument | undefined {
  const { id, argument } = view;
  if (text === undefined) {
    if (argument?.required !== true) return undefined;
    throw new CasemateError(
      "usage",
      `Cannot read ${id}: no ${argument.name} is given, expected ${argument.description}.`,
    );
  }
  if (argument !== undefined) return argument.parse(text);
  throw new CasemateError("usage", `Cannot read ${id} of ${text}: it takes no argument.`);
}
