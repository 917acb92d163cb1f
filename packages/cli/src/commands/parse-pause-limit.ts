import { type Milliseconds, milliseconds } from "@casemate/core";
import { InvalidArgumentError } from "commander";

/** An option's text as the limit of a pause, in milliseconds. */
export function parsePauseLimit(text: string): Milliseconds {
  if (/^[1-9]\d{0,3}$/.test(text) && Number(text) <= 5_000) return milliseconds(Number(text));
  throw new InvalidArgumentError("Expected a limit of 1 to 5000 milliseconds.");
}
