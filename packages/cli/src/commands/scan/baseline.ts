import { closeSync, openSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { CasemateError, ExitCode } from "@casemate/core";
import type { BaselineFile, Missed, ScanOptions } from "@casemate/scan";
import { formatBaseline, parseBaseline } from "@casemate/scan/baseline";
import { baselineSection } from "@casemate/scan/baseline-section";
import { compareBaseline } from "@casemate/scan/compare-baseline";
import type { Context } from "../../context.ts";
import { printBaselineChanges } from "../../output/diff.ts";

type Images = readonly (readonly string[])[];
type Options = Pick<ScanOptions<never>, "budget" | "key">;

/** `casemate scan --save-baseline FILE --paths GLOB…`: how these paths are now. */
export async function saveBaseline(
  images: Images,
  { file, paths }: { readonly file: string; readonly paths: readonly string[] },
  options: Options,
  context: Context,
): Promise<void> {
  const { scanDisks } = await import("@casemate/agent/scan-disks");
  // Before privileges are dropped, which may be needed to write there.
  const fd = createFile(file);
  try {
    const { found, missed } = await scanDisks(images, { files: baselineSection(paths) }, options);
    const { files = [] } = found;
    writeFileSync(fd, formatBaseline({ paths, files }));
    if (context.output.json) context.output.document("BaselineSaved", summary(files, missed, file));
    else context.output.text(`${files.length} files are in the baseline.\n`);
    sayMissed(missed, context);
  } catch (thrown) {
    unlinkSync(file);
    throw thrown;
  } finally {
    closeSync(fd);
  }
}

/** `casemate scan --baseline FILE`: what is not as it was. */
export async function checkBaseline(
  images: Images,
  file: string,
  options: Options,
  context: Context,
): Promise<void> {
  const { scanDisks } = await import("@casemate/agent/scan-disks");
  const baseline = parseBaseline(readText(file), file);
  const sections = { files: baselineSection(baseline.paths) };
  const { found, missed, subject, takenAt } = await scanDisks(images, sections, options);
  const changes = compareBaseline(baseline, found.files ?? [], missed);
  if (context.output.json) {
    context.output.document("BaselineDiff", { subject, takenAt, baseline: file, changes, missed });
  } else printBaselineChanges(changes, missed, context.output);
  sayMissed(missed, context);
  if (changes.length > 0) context.exitWith(ExitCode.suspicious);
}

const summary = (files: readonly BaselineFile[], missed: readonly Missed[], file: string) => ({
  ...{ file, files: files.length, missed },
});

function sayMissed(missed: readonly Missed[], context: Context): void {
  if (missed.length === 0) return;
  for (const { what, reason } of missed.slice(0, 10)) {
    context.output.json || process.stderr.write(`casemate: ${what}: ${reason}\n`);
  }
  process.stderr.write(
    `casemate: ${missed.length} of it could not be looked at: see what was missed.\n`,
  );
  context.exitWith(ExitCode.inconclusive);
}

/** A baseline is never written over: what it would be compared with would be gone. */
function createFile(path: string): number {
  try {
    return openSync(path, "wx", 0o600);
  } catch (cause) {
    throw wrong(`Cannot write baseline ${path}`, cause, "a new file in a directory to write to");
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw wrong(`Cannot read baseline ${path}`, cause, "a readable file");
  }
}

function wrong(doing: string, cause: unknown, needed: string): CasemateError {
  const seen = cause instanceof Error ? cause.message : cause;
  return new CasemateError("usage", `${doing}: ${seen}, expected ${needed}.`, {
    next: "Run `casemate scan --help` to see what it takes.",
    cause,
  });
}
