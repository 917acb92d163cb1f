import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

/** Hands nft rules in a file system of its own of one page; prints what came of it, and what was left there. */
const script = `
  import { readdirSync } from "node:fs";
  import { runNft } from ${JSON.stringify(join(import.meta.dirname, "run-nft.ts"))};
  const input = { nftables: Array(1_000).fill({ metainfo: { json_schema_version: 1 } }) };
  const uuid = "01234567-89ab-4def-8123-456789abcdef";
  const told = await runNft(uuid, ["--check", "--file", "-"], { input }).catch(({ code, message }) => code + message);
  console.log(JSON.stringify({ told, left: readdirSync(process.env.TMPDIR) }));`;

const skip = process.getuid?.() === 0 ? false : "only root mounts a file system of its own";

test("runNft: rules that there is no room for are told as that, and leave nothing behind", {
  skip,
}, (t) => {
  const directory = mkdtempSync(join(tmpdir(), "casemate-nft-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const mount = 'mount -t tmpfs -o size=4k none "$TMPDIR" && exec "$@"';
  const node = [process.execPath, "--input-type=module-typescript", "--eval", script];
  const words = ["--mount", "--net", "sh", "-c", mount, "sh", ...node];
  const env = { ...process.env, TMPDIR: directory };
  const { stdout, stderr } = spawnSync("unshare", words, { encoding: "utf8", env });
  const { told, left } = JSON.parse(stdout || assert.fail(stderr));
  assert.match(told, /^disk\/full.*Cannot hand nft its rules.*the file system is full/);
  assert.deepEqual([left, readdirSync(directory)], [[], []]);
});
