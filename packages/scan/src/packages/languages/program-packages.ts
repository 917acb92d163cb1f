import { KiB, MiB } from "@casemate/core";
import type { Visitor } from "../../visitor.ts";
import type { InstalledPackage } from "../installed-package.ts";
import { ElfFile, type FileRange } from "./elf-file.ts";
import { type GoBuildInfo, readGoBuildInfo } from "./go-build-info.ts";
import { parseGoModules } from "./go-modules.ts";
import { damaged } from "./language-error.ts";
import { languagePackage } from "./language-package.ts";
import { parseRustCrates } from "./rust-crates.ts";

const GO_SECTION = ".go.buildinfo";
const RUST_SECTION = ".dep-v0";
/** Neither Go nor Rust links less than ten times of it. */
const MIN_BYTES = 16 * KiB;
const MAX_RUST_BYTES = MiB;
const EXECUTABLE = 0o111;
/** What is loaded needs no permission to be run; Node's addons have a name of their own. */
const LIBRARY = /\.(?:so(?:\.[\d.]+)?|node)$/;

/**
 * What programs and libraries (ELF) say that they are made of: Go's modules with the standard library of its
 * toolchain, and Rust's crates where cargo-auditable built them.
 */
export const programPackages: Visitor<InstalledPackage> = {
  id: "packages/programs",
  wants(path, { type, size, mode }) {
    if (type !== "file" || size < MIN_BYTES) return "nothing";
    return (mode & EXECUTABLE) !== 0 || LIBRARY.test(path) ? "contents" : "nothing";
  },
  *visit(file) {
    const elf = ElfFile.open(file);
    if (elf === undefined) return;
    const sections = elf.findSections([GO_SECTION, RUST_SECTION]);
    const info = readGoBuildInfo(elf, sections.get(GO_SECTION));
    if (info !== undefined) yield* goPackages(info, elf.path);
    const crates = sections.get(RUST_SECTION);
    if (crates !== undefined) yield* rustPackages(elf, crates);
  },
};

/** Advisories on Go's own packages are on `stdlib` (vuln.go.dev), by versions without `go` before them. */
function* goPackages(
  { toolchain, modules }: GoBuildInfo,
  from: string,
): Generator<InstalledPackage> {
  // `go1.22.5 X:boringcrypto`, `devel go1.24-5e8b1f9 Tue Oct…`
  const [, version = "(devel)"] = /^go(\d\S*)/.exec(toolchain) ?? [];
  yield languagePackage({ type: "golang", name: "stdlib", version, from });
  for (const module of parseGoModules(modules)) {
    yield languagePackage({ type: "golang", name: module.path, version: module.version, from });
  }
}

function* rustPackages(elf: ElfFile, section: FileRange): Generator<InstalledPackage> {
  const { path } = elf;
  if (section.length > MAX_RUST_BYTES) {
    throw damaged(path, `${section.length} bytes of crates`, `${MAX_RUST_BYTES} at most`);
  }
  for (const { name, version } of parseRustCrates(elf.read(section, "crates"), path)) {
    yield languagePackage({ type: "cargo", name, version, from: path });
  }
}
