/**
 * Looks at damaged OVF packages: the archive, its descriptor and its manifest.
 *
 *     node packages/formats/fuzz/package.fuzz.ts [--seed N] [--count N]
 */
import { parseArgs } from "node:util";
import { bytes, CasemateError } from "@casemate/core";
import {
  formatDescriptor,
  formatManifest,
  formatTarHeader,
  parseDescriptor,
  parseManifest,
  readTar,
  TAR_BLOCK_BYTES,
} from "../src/index.ts";
import { Prng } from "./prng.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "10000" },
  },
});

const disk = { id: "disk1", file: "vm-disk1.vmdk", format: "vmdk", bus: "sata" } as const; // literals
const descriptor = formatDescriptor(
  {
    ...{ name: "vm", memory: bytes(2 ** 30), vcpus: 2, firmware: "efi" },
    disks: [{ ...disk, capacity: bytes(2 ** 33) }],
    nics: [{ network: "default", model: "e1000e", mac: undefined }],
  },
  new Map([[disk.file, 512]]),
);
const files: readonly (readonly [string, string])[] = [
  ["vm.ovf", descriptor],
  [disk.file, "x".repeat(512)],
  ["vm.mf", formatManifest([{ name: "vm.ovf", algorithm: "sha1", digest: "a".repeat(40) }])],
];
const whole = Buffer.concat([
  ...files.flatMap(([name, text]) => [
    formatTarHeader(name, text.length),
    Buffer.from(text),
    Buffer.alloc((TAR_BLOCK_BYTES - (text.length % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES),
  ]),
  Buffer.alloc(2 * TAR_BLOCK_BYTES),
]);

/** Some bytes otherwise, at one end or moved; half of them with each header's checksum right. */
function damage(random: Prng): Buffer {
  const data = Buffer.from(whole);
  for (let edits = 1 + random.below(6); edits > 0; edits -= 1) {
    const at = random.below(data.length);
    if (random.below(4) === 0)
      data.copy(data, random.below(data.length), at, at + random.below(600));
    else
      data[at] =
        random.below(2) === 0 ? random.below(256) : (data[at] ?? 0) ^ (1 << random.below(8));
  }
  if (random.below(2) === 0) {
    for (let at = 0; at + TAR_BLOCK_BYTES <= data.length; at += TAR_BLOCK_BYTES) {
      if (data.toString("latin1", at + 257, at + 262) !== "ustar") continue;
      data.write("        ", at + 148, "latin1");
      const sum = data.subarray(at, at + TAR_BLOCK_BYTES).reduce((all, byte) => all + byte, 0);
      data.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1");
    }
  }
  return random.below(8) === 0 ? data.subarray(0, random.below(data.length)) : data;
}

async function look(data: Buffer): Promise<string> {
  try {
    const read = async (at: number, length: number) => data.subarray(at, at + length);
    for (const { name, offset, size } of await readTar(read, data.length)) {
      if (offset + size > data.length || /[/\\]/.test(name)) return "escaped";
      const text = data.toString("utf8", offset, offset + size);
      if (name.endsWith(".ovf")) parseDescriptor(text);
      if (name.endsWith(".mf")) parseManifest(text);
    }
    return "read";
  } catch (thrown) {
    return thrown instanceof CasemateError ? thrown.code : `crashed: ${String(thrown)}`;
  }
}

const outcomes: Record<string, number> = {};
const worst = { milliseconds: 0, seed: 0 };
for (let seed = Number(values.seed); seed < Number(values.seed) + Number(values.count); seed += 1) {
  const data = damage(new Prng(seed));
  const start = performance.now();
  const outcome = await look(data);
  const milliseconds = Math.round(performance.now() - start);
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  if (milliseconds > worst.milliseconds) Object.assign(worst, { milliseconds, seed });
}
console.log(JSON.stringify({ outcomes, worstMs: worst.milliseconds, worstSeed: worst.seed }));
if (
  Object.keys(outcomes).some((outcome) => outcome !== "read" && outcome !== "package/malformed")
) {
  process.exitCode = 1;
}
