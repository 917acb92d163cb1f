import { MiB } from "@casemate/core";
import { readBytes } from "@casemate/formats/disk";
import type { Visitor } from "../visitor.ts";
import type { ShellHistory } from "./secret.ts";

const HISTORY =
  /\/(?:\.(?:bash|zsh|ash|sh|ksh|mksh|python|mysql|mariadb|psql|sqlite|rediscli|node_repl|irb|php|mongo)_history|\.zhistory|\.mongodb\/mongosh\/mongosh_repl_history|fish\/fish_history|ConsoleHost_history\.txt)$/;
/** Longer ones are counted up to here. */
const MAX_BYTES = 16 * MiB;

/** Histories of shells and of the prompts of databases, and how much is in them. */
export const shellHistories: Visitor<ShellHistory> = {
  id: "secrets/histories",
  wants: (path, { type, size }) =>
    type === "file" && size > 0 && HISTORY.test(path) ? "contents" : "nothing",
  *visit(file) {
    const { path } = file;
    const contents = file.contents();
    const bytes = readBytes(contents, 0, Math.min(contents.size, MAX_BYTES), path);
    let lines = bytes.at(-1) === 0x0a ? 0 : 1;
    for (let at = bytes.indexOf("\n"); at >= 0; at = bytes.indexOf("\n", at + 1)) lines += 1;
    yield { kind: "shell-history", rule: "shell-history", severity: "low", path, lines };
  },
};
