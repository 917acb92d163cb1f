import { CasemateError, KiB } from "@casemate/core";
import type { Visitor } from "../visitor.ts";
import type { Fingerprint } from "./fingerprint.ts";
import { MAX_SEARCHED, searchFile } from "./search-file.ts";
import type { FoundCredential, FoundKey } from "./secret.ts";

/** Bytes without a NUL among the first: grep's rule for text. */
const TEXT_BYTES = 4 * KiB;
/** HOSTILE: different ones in one file; one that is a list of secrets is known as such by then. */
const MAX_FOUND = 1_000;
/** Shorter than the shortest secret with its name. */
const MIN_BYTES = 8;

/** Where packages put what is theirs: the system's, and those of Python, Node, Ruby and Go wherever they are. */
const PACKAGED =
  /^\/(?:usr\/(?!local\/)|lib(?:32|64|x32)?\/|s?bin\/|boot\/)|\/(?:lib\/python[\d.]{1,8}|site-packages|dist-packages|node_modules|gems|go\/pkg\/mod)\//;
/** What is of packages' makers alone, and full of examples; `secretsTable` tells of it. */
const OMITTED = [
  /^\/usr\/share\/(?:doc|man|info|locale|i18n|zoneinfo|help|icons|fonts)\//,
  /^\/usr\/(?!local\/).*\/(?:tests?|testdata|test-data|testsuite|examples?)\//,
  /\/(?:lib\/python[\d.]{1,8}|site-packages|dist-packages|node_modules|gems|go\/pkg\/mod)\/(?:.*\/)?(?:tests?|testdata|examples?)\//,
  /^\/(?:usr\/)?lib\/(?:modules|firmware)\//,
  /^\/var\/lib\/(?:dpkg\/(?:info\/|status|available)|apt\/lists\/|rpm\/)/,
  /^\/etc\/ss[hl]\/(?:moduli$|certs\/)/,
];

/** Private keys, tokens and passwords in files of any kind. */
export function secretFiles(fingerprint: Fingerprint): Visitor<FoundKey | FoundCredential> {
  return {
    id: "secrets/files",
    wants(path, { type, size }) {
      if (type !== "file" || size < MIN_BYTES) return "nothing";
      return OMITTED.some((omitted) => omitted.test(path)) ? "nothing" : "contents";
    },
    *visit(visited) {
      const { path } = visited;
      const isText = !visited.head(TEXT_BYTES).includes(0);
      const isPackaged = PACKAGED.test(path);
      if (isPackaged && !isText) return;
      const contents = visited.contents();
      const found = new Map<string, FoundKey | FoundCredential>();
      for (const row of searchFile(contents, { path, isText, isPackaged }, fingerprint)) {
        const id = `${row.rule} ${row.fingerprint}`;
        const known = found.get(id) ?? row;
        const isAgain = known !== row && known.kind !== "private-key";
        found.set(id, isAgain ? { ...known, count: known.count + 1 } : known);
        if (found.size >= MAX_FOUND) break;
      }
      yield* found.values();
      if (found.size >= MAX_FOUND) throw unsaid(path, `more than ${MAX_FOUND} secrets are in it`);
      if (contents.size > MAX_SEARCHED) {
        throw unsaid(path, `it has ${contents.size} bytes, of which ${MAX_SEARCHED} were searched`);
      }
    },
  };
}

function unsaid(path: string, seen: string): CasemateError {
  return new CasemateError(
    "scan/unsupported",
    `Cannot search all of ${path} for secrets: ${seen}, expected fewer.`,
  );
}
