import type { Look } from "../look.ts";
import type { PackageManifest } from "./package-manifest.ts";

/** Adds the files of rpm's packages. */
export function addRpmFiles(_manifest: PackageManifest, _look: Look): void {}
