import { spawn } from "node:child_process";
import { once } from "node:events";
import { CasemateError } from "@casemate/core";

/** Where a checkpoint is to be left, out of the reach of whoever could change the ledger. */
export type Anchor =
  | { readonly kind: "command"; readonly argv: readonly [string, ...string[]] }
  | { readonly kind: "url"; readonly url: string };

/** How long an anchor may take, and how much it may say. */
const LIMITS = { milliseconds: 60_000, bytes: 64 * 1024 };

/**
 * Leaves a checkpoint's note with a command, on its standard input, or at a URL, by POST; what that answers is
 * the receipt.
 *
 * HOSTILE: the answer is somebody else's. Throws `ledger/anchor-failed`.
 */
export async function anchorCheckpoint(
  note: string,
  anchor: Anchor,
  signal?: AbortSignal,
): Promise<string> {
  const limit = AbortSignal.timeout(LIMITS.milliseconds);
  const both = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  try {
    switch (anchor.kind) {
      case "command":
        return await run(anchor.argv, note, both);
      case "url":
        return await post(anchor.url, note, both);
    }
  } catch (thrown) {
    signal?.throwIfAborted();
    if (thrown instanceof CasemateError) throw thrown;
    const target = anchor.kind === "url" ? anchor.url : anchor.argv[0];
    const { message, cause } = thrown as Error; // spawn and fetch throw nothing else
    throw failed(target, cause instanceof Error ? cause.message : message);
  }
}

async function run(
  [command, ...args]: readonly [string, ...string[]],
  note: string,
  signal: AbortSignal,
): Promise<string> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], signal });
  const told = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      if (told[name].length < LIMITS.bytes) told[name] += text;
    });
  }
  child.stdin.on("error", () => {}); // a command that does not read its input says so by its exit code
  child.stdin.end(note);
  const [code, killer] = await once(child, "close");
  if (code !== 0) {
    const words = told.stderr.trim().split("\n")[0]?.slice(0, 200) ?? "";
    throw failed(command, `it ended with ${code ?? killer} ${JSON.stringify(words)}`);
  }
  return told.stdout;
}

async function post(url: string, note: string, signal: AbortSignal): Promise<string> {
  const headers = { "content-type": "text/plain; charset=utf-8" };
  const response = await fetch(url, { method: "POST", body: note, headers, signal });
  let receipt = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    receipt += decoder.decode(chunk, { stream: true });
    if (receipt.length > LIMITS.bytes) break;
  }
  if (!response.ok) {
    throw failed(url, `it answers ${response.status} ${JSON.stringify(receipt.slice(0, 200))}`);
  }
  return receipt;
}

function failed(target: string, seen: string): CasemateError {
  return new CasemateError(
    "ledger/anchor-failed",
    `Cannot anchor a checkpoint with ${target}: ${seen}, expected it to be taken.`,
  );
}
