import assert from "node:assert/strict";
import { test } from "node:test";
import { bootTestGuest, ensureImage, fetchKernel, type KernelOptions } from "@casemate/lab";
import {
  type AnyView,
  DATA_CLASSES,
  type Kernel,
  ProfileCache,
  parseArgument,
  views,
} from "../src/index.ts";
import { attachToGuest } from "./truth/read-guest.ts";
import type { ReadView } from "./truth/truth.ts";
import { allTruths, commonTruths } from "./truth/truths.ts";

const cacheDir = "/var/cache/casemate/lab";

interface GuestKind extends Pick<KernelOptions, "suite" | "flavour"> {
  /** QEMU's `-cpu`: with and without five-level paging. */
  readonly cpu: string;
}

/** Kernels from the oldest supported to the newest that Debian has, in each of its flavours. */
const kinds: readonly GuestKind[] = [
  { suite: "bullseye", flavour: "cloud-amd64", cpu: "max,cx16=off" },
  { suite: "bookworm", flavour: "cloud-amd64", cpu: "max,la57=off,cx16=off" },
  { suite: "trixie", flavour: "cloud-amd64", cpu: "max,cx16=off" },
  { suite: "sid", flavour: "cloud-amd64", cpu: "max,cx16=off" },
];

const profiles = new ProfileCache();

for (const { suite, flavour, cpu } of kinds) {
  test(`views: equal the guest's own word on ${suite}'s ${flavour} kernel, ${cpu}`, async (t) => {
    const image = await ensureImage({ cacheDir });
    const kernel = await fetchKernel({ suite, flavour, cacheDir, busybox: image.busybox });
    await using guest = await bootTestGuest({
      cacheDir,
      kernel,
      cpu,
      role: "build",
      memoryMiB: 512,
    });
    const run = (command: string) => guest.console.run(command);
    const truths = ["bullseye", "bookworm"].includes(suite) ? allTruths : commonTruths;
    for (const truth of truths) await truth.prepare?.(run);
    await using seen = await attachToGuest(guest, profiles);
    const read = readerOf(seen.kernel);
    for (const { view, claim, compare } of truths) {
      await t.test(`${view}: ${claim}`, () => compare(run, read));
    }
    for (const view of views) {
      if (view.argument?.required === true) continue;
      await t.test(`${view.id}: a look at it succeeds`, async () => {
        assert.ok((await read(view.id)).length >= 0);
      });
    }
  });
}

/** Looks until a look is not torn: a guest at rest gives one soon. */
function readerOf(kernel: Kernel): ReadView {
  const grant = kernel.grant(...DATA_CLASSES);
  return async (id, argument) => {
    const view = views.find((one) => one.id === id);
    assert.ok(view !== undefined, `there is a view ${id}`);
    for (let tries = 1; ; tries += 1) {
      const limits = { milliseconds: 10_000 };
      const result = grant.read(view as AnyView, limits, parseArgument(view, argument));
      if (result.consistency !== "torn" || tries === 10) {
        return result.items as readonly Record<string, unknown>[]; // rows are objects of JSON's types
      }
    }
  };
}
