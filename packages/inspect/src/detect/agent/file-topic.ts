import { hash } from "node:crypto";
import { formatAddress, toCasemateError } from "@casemate/core";
import type { Access } from "../../kernel/data-class.ts";
import { fileVersion } from "../../linux/file-version.ts";
import { findInit } from "../../linux/find-init.ts";
import { inodeType } from "../../linux/inode-type.ts";
import { lookupPath } from "../../linux/lookup-path.ts";
import { readPageCache } from "../../linux/read-page-cache.ts";
import { AnswerValue, unfit } from "./answer-value.ts";
import type { Source, Subject, Topic } from "./topic.ts";
import { MAX_FILE_BYTES, witnessedFiles } from "./witnessed-files.ts";

const keyOf = (path: string) => `file ${path}`;

/** The path of the file with this key. */
export const pathOfFile = (key: string): string => key.slice(keyOf("").length);

/** What is told of a file's contents, secrets that they may be. */
export const digestOf = (bytes: Uint8Array): string => `SHA-256 ${hash("sha256", bytes)}`;

/** Files, by what memory's page cache has of them. */
export const fileTopic: Topic<"kernelMetadata" | "fileContents"> = {
  title: "files",
  // Who reads a file brings it into memory: asked for a second time it is there to be compared.
  warms: true,
  recall(access) {
    const subjects = new Map<string, Subject>();
    for (const path of witnessedFiles) {
      const subject = recallFile(access, path);
      if (subject !== undefined) subjects.set(keyOf(path), subject);
    }
    // What is not found is not remembered: it may be there all the same.
    return { subjects, isWhole: false };
  },
  sources: () => witnessedFiles.map(fileSource),
};

function recallFile(
  access: Access<"kernelMetadata" | "fileContents">,
  path: string,
): Subject | undefined {
  const { kernel } = access;
  try {
    const { inode } = lookupPath(access, findInit(kernel), path);
    if (inodeType(kernel)(inode) !== "file") return undefined;
    const size = kernel.struct("inode").number("i_size")(inode);
    const contents = size > MAX_FILE_BYTES ? undefined : readWhole(access, inode);
    return {
      name: `File ${path}`,
      identity: `${keyOf(path)}, inode ${fileVersion(kernel)(inode)}`,
      traits: {
        size: `${size}`,
        ...(contents === undefined ? {} : { contents: digestOf(contents) }),
      },
      isShown: true,
      place: {
        address: formatAddress(inode),
        path: [`inode ${formatAddress(inode)}`, "i_mapping"],
      },
    };
  } catch (thrown) {
    const { code } = toCasemateError(thrown);
    if (/^inspect\/not-|^kernel\/unsupported$/.test(code)) return undefined;
    throw thrown;
  }
}

/** What the page cache has of a file, where it has all. */
function readWhole(
  access: Access<"kernelMetadata" | "fileContents">,
  inode: Parameters<typeof readPageCache>[1],
): Uint8Array | undefined {
  const pieces: Uint8Array[] = [];
  for (const piece of readPageCache(access, inode)) {
    if (piece.kind !== "present") return undefined;
    pieces.push(piece.bytes);
  }
  return Buffer.concat(pieces);
}

function fileSource(path: string): Source {
  const key = keyOf(path);
  return {
    via: path,
    // One more than is compared, so that the end of the file is seen.
    question: { ask: "file", path, bytes: MAX_FILE_BYTES + 1 },
    about: key,
    parse(answer) {
      const read = AnswerValue.parse(answer);
      const bytes = read.member("buf-b64").bytes();
      if (read.member("count").count() !== bytes.length) throw unfit("another count of bytes");
      const isWhole = bytes.length <= MAX_FILE_BYTES;
      const traits = isWhole ? { size: `${bytes.length}`, contents: digestOf(bytes) } : {};
      return { named: new Map([[key, traits]]), denies: () => false };
    },
  };
}
