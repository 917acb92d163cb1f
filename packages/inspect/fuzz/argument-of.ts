import type { AnyView } from "../src/index.ts";

/** What a view is told where it must be told something: the first process, a file that every system has. */
export function argumentOf({ argument }: AnyView): unknown {
  if (argument?.required !== true) return undefined;
  return argument.parse(argument.name === "PID" ? "1" : "/etc/passwd");
}
