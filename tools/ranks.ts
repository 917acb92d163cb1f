/** Checks that imports between packages point to a lower rank, never sideways or up. */
import { glob, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The rooms of ARCHITECTURE.md. The lab stands above all; only tests and `up --lab` open it. */
export const ranks: Readonly<Record<string, number>> = {
  core: 0,
  formats: 1,
  ledger: 1,
  policy: 1,
  lineage: 1,
  host: 2,
  inspect: 3,
  scan: 3,
  agent: 4,
  control: 5,
  cli: 6,
  console: 6,
  lab: 7,
};

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s+(?:[^;'"]*?\sfrom\s+)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g;

/** One sentence for each import that points the wrong way. */
export async function findRankViolations(root: string): Promise<readonly string[]> {
  const violations: string[] = [];
  for await (const file of glob("packages/*/**/*.ts", {
    cwd: root,
    exclude: (name) => name === "node_modules",
  })) {
    const from = file.split("/")[1] ?? "";
    const rank = ranks[from];
    if (rank === undefined) {
      violations.push(`${file}: package ${from} has no rank; give it one in tools/ranks.ts.`);
      continue;
    }
    const isTest = /\.test\.ts$|\/(test|bench|fuzz|examples)\//.test(file);
    const text = await readFile(join(root, file), "utf8");
    for (const match of text.matchAll(importPattern)) {
      const specifier = match[1] ?? match[2] ?? "";
      const deep = /^@casemate\/([^/]+)(\/.+)?$/.exec(specifier);
      if (deep === null) {
        if (specifier.startsWith("../") && escapesPackage(file, specifier)) {
          violations.push(`${file}: imports ${specifier}, which leaves the package.`);
        }
        continue;
      }
      const to = deep[1] ?? "";
      if (to === from || isTest) continue;
      if (to === "lab") {
        if (file === "packages/cli/src/commands/up.ts") continue;
        violations.push(`${file}: imports the lab, which only tests and \`up --lab\` may.`);
        continue;
      }
      const target = ranks[to];
      if (target === undefined || target >= rank) {
        violations.push(
          `${file}: ${from} (rank ${rank}) imports ${to} (rank ${target ?? "none"}).`,
        );
      }
    }
  }
  return violations.sort();
}

function escapesPackage(file: string, specifier: string): boolean {
  const target = join(dirname(file), specifier).split("/");
  return target[0] !== "packages" || target[1] !== file.split("/")[1];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const violations = await findRankViolations(dirname(dirname(fileURLToPath(import.meta.url))));
  for (const line of violations) console.error(line);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
