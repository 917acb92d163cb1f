import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { labCacheDir as cacheDir, ensureImage, fetchKernel } from "@casemate/lab";
import { fromCodeAddress } from "./code-address.ts";
import { parseKernelCode } from "./kernel-code.ts";
import { parseRelocatable } from "./parse-relocatable.ts";
import { parseAlternatives, parsePlaces } from "./patch-tables.ts";
import { unpackKernel } from "./unpack-kernel.ts";
import { unpackModule } from "./unpack-module.ts";

const readelf = (...args: readonly string[]) =>
  execFileSync("readelf", args, { encoding: "utf8", maxBuffer: 2 ** 28 });

for (const suite of ["bullseye", "bookworm", "trixie", "experimental"]) {
  test(`parseKernelCode, parseRelocatable: Debian ${suite}, as readelf reads it`, async () => {
    await using undo = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), "casemate-kernel-code-"));
    undo.defer(() => rm(directory, { recursive: true }));
    const { busybox } = await ensureImage({ cacheDir });
    const flavour = suite === "experimental" ? "amd64" : "cloud-amd64";
    const kernel = await fetchKernel({ suite, flavour, cacheDir, busybox });

    const vmlinux = unpackKernel(await readFile(kernel.vmlinuz));
    const file = join(directory, "vmlinux");
    await writeFile(file, vmlinux);
    const code = parseKernelCode(vmlinux);
    const headers = readelf("-SW", file).matchAll(
      /\] (\.(?:text|altinstructions|return_sites|retpoline_sites)) +PROGBITS +(\w+) \w+ (\w+)/g,
    );
    for (const [, name = "", address, size] of headers) {
      const section = code.section(name);
      assert.equal(fromCodeAddress(section?.address ?? 0), BigInt(`0x${address}`));
      assert.equal(section?.bytes.length, Number(`0x${size}`));
    }

    const opcodeAt = (at: number) => code.between(at, at + 1)?.bytes[0] ?? 0;
    const returns = code.section(".return_sites");
    assert.ok(returns !== undefined);
    // Each is a jump, or one under a condition.
    for (const at of parsePlaces(returns)) assert.match(opcodeAt(at).toString(16), /^(e9|f|2e)$/);
    const alternatives = code.section(".altinstructions");
    assert.ok(alternatives !== undefined);
    const found = parseAlternatives(
      alternatives,
      (at, length) => code.between(at, at + length) !== undefined,
    );
    assert.ok(found.length > 900);
    for (const { at, length } of found) assert.ok(code.between(at, at + length) !== undefined);
    assert.ok(code.relocations.words.length > 50_000);

    const modules = await readdir(kernel.modulesDirectory, { recursive: true });
    const name = modules.find((path) => /\/bridge\.ko(\.\w+)?$/.test(path)) ?? "";
    const module = unpackModule(await readFile(join(kernel.modulesDirectory, name)));
    const object = join(directory, "bridge.ko");
    await writeFile(object, module);
    const { sections, relocations, symbol } = parseRelocatable(module);
    const text = sections.findIndex((section) => section.name === ".text");
    const seen = [...relocations(text)].map(({ offset, type, symbol: index }) => {
      const { name, section } = symbol(index);
      return `${offset.toString(16)} ${type} ${name || sections[section]?.name}`;
    });
    const own = /'\.rela\.text' at offset[^\n]*\n[^\n]*\n([\s\S]*?)\n\n/.exec(
      readelf("-rW", object),
    );
    const expected = (own?.[1] ?? "").split("\n").map((line) => {
      const [offset = "", info = "", , , of = ""] = line.trim().split(/\s+/);
      return `${Number(`0x${offset}`).toString(16)} ${Number(`0x${info.slice(8)}`)} ${of}`;
    });
    assert.deepEqual(seen, expected);
  });
}
