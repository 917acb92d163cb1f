/** A module that is in a program. HOSTILE: whoever made the program says it. */
export interface GoModule {
  readonly path: string;
  /** `v1.2.3`, a pseudo-version, or `(devel)` where it was built from a directory. */
  readonly version: string;
}

/** cmd/go/internal/modload, build.go: a word, and what follows, between tabs. */
const MODULE = /^(mod|dep|=>)\t([^\t]+)\t([^\t]*)/;
/** golang.org/ref/mod, "replace directive": a directory, not a module's path. */
const DIRECTORY = /^(?:\.{1,2}(?:\/|$)|\/)/;
const FROM_DIRECTORY = "(devel)";

/**
 * The modules of a program, its own first, each as it was replaced: `lines` are those of `go version -m`
 * (runtime/debug, `ParseBuildInfo`). One replaced by a directory keeps its path, and its version is unknown.
 */
export function parseGoModules(lines: string): readonly GoModule[] {
  const modules: GoModule[] = [];
  for (const line of lines.split("\n")) {
    const [, word, path = "", version = ""] = MODULE.exec(line) ?? [];
    if (word === undefined) continue;
    const module = { path, version: version === "" ? FROM_DIRECTORY : version };
    const replaced = word === "=>" ? modules.pop() : undefined;
    if (replaced === undefined) modules.push(module);
    else if (DIRECTORY.test(path)) modules.push({ path: replaced.path, version: FROM_DIRECTORY });
    else modules.push(module);
  }
  return modules;
}
