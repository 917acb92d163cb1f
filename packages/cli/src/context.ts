import type { ExitCode } from "@casemate/core";
import type { Environment } from "./environment.ts";
import type { Output } from "./output/output.ts";
import type { Progress } from "./output/progress.ts";

/** What every command gets to work with. */
export interface Context {
  readonly environment: Environment;
  readonly output: Output;
  readonly progress: Progress;
  /** The exit code, if it is not `done`. */
  exitWith(code: ExitCode): void;
}
