import { type CasemateError, toCasemateError } from "@casemate/core";
import { renderJson } from "./output/json.ts";
import { printable } from "./output/printable.ts";

/** Tells what went wrong, as two lines on stderr or as a document on stdout, and returns the error told. */
export function reportError(
  thrown: unknown,
  how: { readonly json: boolean; readonly debug: boolean },
): CasemateError {
  const error = toCasemateError(thrown);
  if (how.json) {
    const { code, message, next } = error;
    process.stdout.write(renderJson("Error", { code, message, next }));
  } else {
    process.stderr.write(`casemate: ${printable(error.message)}\n${printable(error.next)}\n`);
  }
  if (how.debug) process.stderr.write(describeCauses(error));
  return error;
}

function describeCauses(error: Error): string {
  let text = "";
  for (let cause: unknown = error, depth = 0; cause !== undefined && depth < 10; depth += 1) {
    const stack = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    const lines = stack.split("\n").map(printable);
    text += `${depth === 0 ? "" : "caused by: "}${lines.join("\n")}\n`;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return text;
}
