import { milliseconds } from "@casemate/core";
import type { Context } from "../../context.ts";
import { checkBaseline, saveBaseline } from "./baseline.ts";
import { chooseSections } from "./choose-sections.ts";
import { diffDisksCommand } from "./diff-disks.ts";
import { readKeyFile } from "./read-secret-file.ts";
import type { ScanOptions } from "./scan-options.ts";
import { wrongUse } from "./wrong-use.ts";

/** Does what compares the disks in files with another state: another one's disks, or a baseline. */
export async function compareFiles(options: ScanOptions, context: Context): Promise<void> {
  const { disk = [], diff, saveBaseline: saved, paths, baseline, format, only, keyFile } = options;
  verifyComparable(options);
  const key = keyFile === undefined ? undefined : { passphrase: readKeyFile(keyFile) };
  const common = { budget: milliseconds(options.budget), key };
  const images = parseImages(disk);
  const json = { ...context, output: { ...context.output, json: true } };
  const here = format === "json" ? json : context;
  if (diff !== undefined) {
    const states = { before: images, after: parseImages(diff) };
    const files = only === undefined;
    await diffDisksCommand(states, { ...common, only: chooseSections(options), files }, here);
  } else if (saved !== undefined) {
    await saveBaseline(images, { file: saved, paths: paths ?? [] }, common, here);
  } else if (baseline !== undefined) await checkBaseline(images, baseline, common, here);
}

function verifyComparable(options: ScanOptions): void {
  const { diff, saveBaseline: saved, paths, baseline, format, only, all } = options;
  const asked = [diff, saved, baseline].filter((each) => each !== undefined).length;
  if (asked > 1) throw wrongUse("expected one of --diff, --save-baseline and --baseline");
  if ((options.rules ?? options.everyFile) !== undefined) {
    throw wrongUse("a comparison puts no file to rules");
  }
  if ((options.saltFile ?? options.cache) !== undefined) {
    throw wrongUse("a comparison takes no salt and keeps no results");
  }
  if (options.advisories !== undefined) throw wrongUse("a comparison matches no advisories");
  if (format !== "table" && format !== "json") {
    throw wrongUse(`a comparison is no ${format} document, expected table or json`);
  }
  if ((only ?? all) !== undefined && diff === undefined) {
    throw wrongUse("a baseline has no sections, expected neither --only nor --all");
  }
  if ((saved === undefined) !== (paths === undefined)) {
    throw wrongUse("expected --save-baseline FILE and --paths GLOB together");
  }
  const far = paths?.find((path) => !path.startsWith("/"));
  if (far !== undefined) {
    throw wrongUse(`path ${far} does not begin at the root, expected /${far}`);
  }
}

const parseImages = (disks: readonly string[]) => disks.map((files) => files.split(","));
