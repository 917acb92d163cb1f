import type { Section } from "../section.ts";
import type { BaselineFile } from "./baseline.ts";
import { hashFile } from "./hash-file.ts";
import { parseGlob } from "./parse-glob.ts";

/**
 * The files that a baseline of `paths` has: each a path or a glob (`*`, `?`, `[a-z]`, `**`), which stands for all
 * below it, too.
 */
export function baselineSection(paths: readonly string[]): Section<BaselineFile> {
  const fits = paths.flatMap((path) => {
    const bare = path.length > 1 ? path.replace(/\/+$/, "") : "";
    return [parseGlob(bare), parseGlob(`${bare}/**`)];
  });
  return {
    title: "files of the baseline",
    key: ({ path }) => path,
    columns: [
      { title: "MODE", text: ({ mode }) => mode },
      { title: "UID", align: "right", text: ({ uid }) => `${uid}` },
      { title: "GID", align: "right", text: ({ gid }) => `${gid}` },
      { title: "PATH", text: ({ path }) => path },
    ],
    visitors: [
      {
        id: "baseline/files",
        wants: (path) => (fits.some((fit) => fit(path)) ? "stat" : "nothing"),
        *visit(file) {
          const { type, mode, uid, gid, size } = file.stat;
          yield {
            ...{ path: file.path, type, mode: mode.toString(8).padStart(4, "0"), uid, gid },
            ...(type === "file" ? { size, sha256: hashFile(file, "sha256") } : {}),
            ...(type === "symlink" ? { target: file.target() } : {}),
          };
        },
      },
    ],
  };
}
