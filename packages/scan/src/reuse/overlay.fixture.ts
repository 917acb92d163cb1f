import { readFileSync, writeFileSync } from "node:fs";
import { BytesReader, Qcow2Image } from "@casemate/formats/disk";
import { makeScratch, run } from "../system.fixture.ts";

const CLUSTER = 4096;

/** A qcow2 image with `bytes` as its disk; what is the same in `below` is left to that. */
export function makeOverlay(bytes: Buffer, below: Buffer, backing: Qcow2Image | BytesReader) {
  using scratch = makeScratch();
  const [base, top] = [scratch.path("base"), scratch.path("top")];
  writeFileSync(base, below);
  const format = `cluster_size=${CLUSTER}`;
  run("qemu-img", "create", "-q", "-f", "qcow2", "-o", format, "-b", base, "-F", "raw", top);
  const commands: string[] = [];
  for (let at = 0; at < bytes.length; at += CLUSTER) {
    const cluster = bytes.subarray(at, at + CLUSTER);
    if (cluster.equals(below.subarray(at, at + CLUSTER))) continue;
    const part = scratch.path(`part-${at}`);
    writeFileSync(part, cluster);
    commands.push("-c", `write -q -s ${part} ${at} ${cluster.length}`);
  }
  if (commands.length > 0) run("qemu-io", "-f", "qcow2", ...commands, top);
  return new Qcow2Image(new BytesReader(readFileSync(top)), { backing });
}

/** What debugfs makes of a file system. */
export function editVolume(bytes: Buffer, commands: readonly string[], files: Buffer[]): Buffer {
  using scratch = makeScratch();
  const [image, script] = [scratch.path("image"), scratch.path("script")];
  writeFileSync(image, bytes);
  for (const [i, contents] of files.entries()) writeFileSync(scratch.path(`file-${i}`), contents);
  const lines = commands.map((command) => command.replaceAll("@", scratch.path("file-")));
  writeFileSync(script, lines.map((line) => `${line}\n`).join(""));
  run("debugfs", "-w", "-f", script, image);
  return readFileSync(image);
}
