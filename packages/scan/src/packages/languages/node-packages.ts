import { KiB } from "@casemate/core";
import { readBytes } from "@casemate/formats/disk";
import { textOf } from "../../advisories/json-fields.ts";
import type { Visitor } from "../../visitor.ts";
import type { InstalledPackage } from "../installed-package.ts";
import { damaged } from "./language-error.ts";
import { languagePackage } from "./language-package.ts";
import { parseJson } from "./parse-json.ts";

/** Long lists of exports make some of 100 KiB. */
const MAX_BYTES = 512 * KiB;

/** `node_modules/NAME`, `node_modules/@SCOPE/NAME`; Debian has its own in `nodejs`. */
const MANIFEST =
  /(?:\/node_modules|^\/usr\/(?:share|lib)\/nodejs)\/(?:@[^/]+\/)?[^/.@][^/]*\/package\.json$/;
/** The name that a directory in `node_modules` begins with; npm's and pnpm's stores have `.store`, `.pnpm`. */
const DIRECTORY = /^(?:@[^/]+\/)?[^/]+/;
/** Directories of a package in which `node_modules` are for its tests. */
const TRIALS =
  /\/(?:__)?(?:tests?|specs?|testdata|fixtures?|mocks?|examples?|benchmarks?)(?:__)?(?:\/|$)/i;

/**
 * Node's packages: each `package.json` directly in a package's directory of a `node_modules` that has a name
 * and a version; also those that others bundle, and not those that are in others' tests.
 *
 * Lock files are not read: they say what an install would bring, for developing and for other platforms, too;
 * what it brought has its `package.json`.
 */
export const nodePackages: Visitor<InstalledPackage> = {
  id: "packages/node",
  wants(path, { type }) {
    return type === "file" && path.endsWith("/package.json") && isInstalled(path)
      ? "contents"
      : "nothing";
  },
  *visit(file) {
    const { path } = file;
    const contents = file.contents();
    if (contents.size > MAX_BYTES) {
      throw damaged(path, `${contents.size} bytes`, `${MAX_BYTES} at most`);
    }
    const manifest = parseJson(readBytes(contents, 0, contents.size, path), path);
    const name = textOf(manifest["name"]);
    const version = textOf(manifest["version"]);
    // Without them it says how to load what is beside it, no more.
    if (name === undefined || version === undefined) return;
    yield languagePackage({ type: "npm", name, version, from: path });
  },
};

function isInstalled(path: string): boolean {
  if (!MANIFEST.test(path)) return false;
  const between = path.split("/node_modules/").slice(1, -1);
  return !between.some((part) => TRIALS.test(part.replace(DIRECTORY, "")));
}
