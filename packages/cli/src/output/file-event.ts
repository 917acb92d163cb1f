import type { FileEvent } from "@casemate/control";
import { printable } from "./printable.ts";

const KIND_WIDTH = "metadata".length;

/** What happened to a file, as a line for people. HOSTILE: the guest chose the names. */
export function describeFileEvent(event: FileEvent): string {
  const { at, what, path = "" } = event;
  return printable(`${at}  ${what.padEnd(KIND_WIDTH)}  ${path}${detail(event)}`.trimEnd());
}

function detail({ what, from, files, reason, ranges, changes, stat }: FileEvent): string {
  switch (what) {
    case "read":
      return `${files} files and directories: what follows is what changes`;
    case "moved":
      return `  (from ${from})`;
    case "missed":
      return `: ${reason}`;
    case "contents":
      return `  (${(ranges ?? []).map(({ start, end }) => `${start}–${end}`).join(", ")})`;
    case "metadata":
      return `  (${Object.entries(changes ?? {})
        .map(describeChange)
        .join(", ")})`;
    default:
      return stat?.["type"] === "directory" ? "/" : "";
  }
}

function describeChange([name, change]: readonly [string, unknown]): string {
  const { from, to } = change as { readonly from: unknown; readonly to: unknown }; // our own control plane answered
  return `${name} ${show(name, from)} → ${show(name, to)}`;
}

function show(name: string, value: unknown): string {
  if (typeof value !== "number") return String(value);
  if (name === "mode") return value.toString(8).padStart(4, "0");
  return name.endsWith("Ms") ? new Date(value).toISOString() : `${value}`;
}
