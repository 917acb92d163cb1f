import { toCasemateError } from "@casemate/core";

/** Whether a kernel was not found because its types are not in RAM, or are no longer whole there. */
export function lacksTypes(thrown: unknown): boolean {
  const { code } = toCasemateError(thrown);
  return code === "kernel/no-btf" || code === "kernel/damaged";
}
