import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import type { MadeFile } from "../system.fixture.ts";
import { all, memoryOf, openTree, scanRunning } from "./running.fixture.ts";

/** As much of a bzImage as says what it is (Documentation/arch/x86/boot.rst). */
function imageOf(banner: string): Buffer {
  const bytes = Buffer.alloc(0x600);
  bytes.write("HdrS", 0x202);
  bytes.writeUInt16LE(0x200, 0x20e);
  bytes.write(`${banner}\0`, 0x400);
  return bytes;
}

const RUNNING = "6.1.0-22-amd64 (a@b) #1 SMP Debian 6.1.94-1 (2024-06-21)";
const own = "/boot/vmlinuz-6.1.0-22-amd64";
const other = (release: string) => `/boot/vmlinuz-${release}`;
const booting = (path: string) => ({
  "/boot/extlinux.conf": `DEFAULT a\nLABEL a\n  LINUX ${path}\n`,
});

function judge(files: Readonly<Record<string, MadeFile>>) {
  const { kernelStates, missed } = scanRunning(openTree(files), memoryOf({}));
  assert.deepEqual(missed, []);
  const [state] = kernelStates;
  assert.equal(kernelStates.length, 1);
  return [state?.reboot, state?.image, state?.next?.path];
}

test("kernelStates: the kernel that runs is what boots next, or is not", () => {
  const images = { [own]: imageOf(RUNNING), [other("6.1.0-25-amd64")]: imageOf("6.1.0-25-amd64") };
  assert.deepEqual(judge({ ...images, ...booting(own) }), ["not-needed", own, own]);
  const next = other("6.1.0-25-amd64");
  assert.deepEqual(judge({ ...images, ...booting(next) }), ["needed", own, next]);
});

test("kernelStates: another build of the same release needs a reboot", () => {
  const rebuilt = imageOf("6.1.0-22-amd64 (a@b) #1 SMP Debian 6.1.99-1 (2024-08-01)");
  assert.deepEqual(judge({ [own]: rebuilt, ...booting(own) }), ["needed", null, own]);
});

test("kernelStates: without a boot loader a newer kernel is what counts", () => {
  const only = { [own]: imageOf(RUNNING) };
  assert.deepEqual(judge(only), ["not-needed", own, undefined]);
  const newer = { ...only, [other("6.1.0-100-amd64")]: imageOf("6.1.0-100-amd64") };
  assert.deepEqual(judge(newer), ["needed", own, undefined]);
  const older = other("6.1.0-9-amd64");
  assert.deepEqual(judge({ ...only, [older]: imageOf("6.1.0-9-amd64") }), [
    "not-needed",
    own,
    undefined,
  ]);
  assert.deepEqual(judge({ [older]: imageOf("6.1.0-9-amd64") }), ["unknown", null, undefined]);
  assert.deepEqual(judge({ "/etc/none": "" }), ["unknown", null, undefined]);
});

test("kernelStates: no word on a kernel that was not seen", () => {
  const gap = { code: "kernel/no-btf", reason: "Cannot find a kernel." } as const;
  const memory = memoryOf({}, { kernel: { ...all(), gaps: [gap] } });
  assert.deepEqual(scanRunning(openTree({ [own]: imageOf(RUNNING) }), memory).kernelStates, []);
});

test("kernelStates: nothing is up to date where a boot directory was missed", () => {
  const files = openTree({ [own]: imageOf(RUNNING) });
  const { kernelStates } = scanRunning(files, memoryOf({}), (look) => {
    look.miss("/boot", new CasemateError("disk/damaged", "Cannot mount /boot."));
  });
  assert.deepEqual(
    kernelStates.map(({ reboot, image }) => [reboot, image]),
    [["unknown", own]],
  );
});
