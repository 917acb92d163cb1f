import type { AnyView } from "../src/index.ts";

/** By the names of arguments: the first process, and all that may descend from it. */
const usualArguments: Readonly<Record<string, string>> = {
  PID: "1",
  "PID[@STARTED]": "1",
  FAMILIES: "1@0.01/0.00/",
};

/** What a view is told where it must be told something; a file that every system has where it is none of these. */
export function argumentOf({ argument }: AnyView): unknown {
  if (argument?.required !== true) return undefined;
  return argument.parse(usualArguments[argument.name] ?? "/etc/passwd");
}
