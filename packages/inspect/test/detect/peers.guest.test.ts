import assert from "node:assert/strict";
import { test } from "node:test";
import { gva } from "@casemate/core";
import { bootTestGuest, ensureImage, fetchKernel, labCacheDir } from "@casemate/lab";
import { detectors } from "../../src/detect/detectors.ts";
import { DATA_CLASSES, sweep, type Verdict } from "../../src/index.ts";
import { moduleRegions, walkModules } from "../../src/linux/walk-modules.ts";
import { chosen } from "./chosen.ts";
import { GuestEditor } from "./guest-editor.ts";
import { describe } from "./try-case.ts";

/** One kernel whose constants are all its variables', and one that has some of its own. */
const SUITES = ["bookworm", "experimental"];
const NAMES = ["web01", "web02", "web03"] as const;
const BODY = 64n;
/** Has some functions traced, and one probed behind where it is traced, which is one of two places. */
const TRACE = `mkdir -p /t && mount -t tracefs none /t && cd /t && echo "kfree*" >set_ftrace_filter &&
  echo function >current_tracer && (echo "p:own kernel_restart+5" >kprobe_events ||
  echo "p:own kernel_restart+9" >kprobe_events) && echo 1 >events/kprobes/enable`;
/** Has the scheduler count, which is a static key. */
const COUNT = "echo 1 >/proc/sys/kernel/sched_schedstats";
const IDS = ["kernel-text", "module-text"];

for (const kind of chosen.kinds.filter(({ suite }) => SUITES.includes(suite))) {
  const guests = new Map<string, GuestEditor>();

  /** What detectors say of a guest without its disk, next to `others`. */
  const askOf = async (own: string, ...others: readonly string[]): Promise<readonly Verdict[]> =>
    await sweep(guestOf(own).kernel, {
      detectors: detectors.filter(({ id }) => IDS.includes(id)),
      classes: DATA_CLASSES,
      budget: 10_000,
      allowances: { rawSockets: [], codeMakers: [] },
      kept: new Map(),
      peers: others.map((name) => guestOf(name).kernel),
    });
  const ask = (...others: readonly string[]) => askOf("web01", ...others);
  const guestOf = (name: string): GuestEditor => {
    const guest = guests.get(name);
    if (guest === undefined) throw new Error(`No guest ${name} was booted.`);
    return guest;
  };
  /** Changes a bit in the middle of `panic`, which does not run. */
  const change = (name: string, bit: number) => {
    const guest = guestOf(name);
    const at = guest.look(({ kernel }) => gva(kernel.symbol("panic") + BODY));
    const [byte = 0] = guest.bytes(at, 1);
    return guest.edit(() => [guest.write(at, Uint8Array.of(byte ^ bit))]);
  };

  test(kind.title, async (t) => {
    await using stack = new AsyncDisposableStack();
    const cacheDir = labCacheDir;
    const { busybox } = await ensureImage({ cacheDir });
    const kernel = await fetchKernel({ ...kind, cacheDir, busybox });
    // Another size of memory, for what the kernel chooses by that.
    const boot = async (name: string, i: number) => {
      const options = { cacheDir, kernel, cpu: kind.cpu, memoryMiB: 192 + 64 * i };
      const guest = stack.use(await bootTestGuest(options));
      guests.set(name, stack.use(await GuestEditor.open(guest)));
    };
    await Promise.all(NAMES.map(boot));

    await t.test("code that is alike is clean, whatever each guest has switched on", async () => {
      await guestOf("web01").run(TRACE);
      await guestOf("web02").run(COUNT);
      const pairs = [
        ["web01", "web02"],
        ["web02", "web01"],
        ["web01", "web02", "web03"],
      ] as const; // each with others
      for (const [own, ...others] of pairs) {
        for (const verdict of await askOf(own, ...others)) {
          assert.equal(verdict.verdict, "clean", describe(verdict));
          assert.ok(verdict.coverage.looked > 0);
        }
      }
    });

    await t.test("alone it could not look", async () => {
      for (const verdict of await ask()) {
        assert.equal(verdict.verdict, "inconclusive");
        assert.match(verdict.missed[0]?.reason ?? "", /Nor is there another guest/);
      }
    });

    await t.test(
      "a change in one of three is told, and of the others no more than that they have it alike",
      async () => {
        await using _changed = await change("web01", 1);
        const [kernelText] = await ask("web02", "web03");
        assert.match(kernelText?.suspicions[0]?.key ?? "", /^code of panic at /);
        assert.equal(kernelText?.suspicions.length, 1);
        const { evidence = [] } = kernelText?.suspicions[0] ?? {};
        assert.match(evidence.at(-1)?.expected ?? "", /the same code as in 2 other guests/);
        assert.doesNotMatch(JSON.stringify(kernelText), /web0[23]/);
      },
    );

    await t.test(
      "of two it cannot be told which is changed; of three another one may be",
      async () => {
        await using _changed = await change("web02", 1);
        const [oneOfTwo] = await ask("web02");
        assert.equal(oneOfTwo?.verdict, "inconclusive", oneOfTwo && describe(oneOfTwo));
        assert.match(
          oneOfTwo?.missed[0]?.reason ?? "",
          /another guest of the same build in 1 places, the first in panic/,
        );
        const [oneOfThree] = await ask("web02", "web03");
        assert.equal(oneOfThree?.verdict, "clean", oneOfThree && describe(oneOfThree));
        await using _other = await change("web03", 2);
        const [allOtherwise] = await ask("web02", "web03");
        assert.equal(allOtherwise?.verdict, "inconclusive");
      },
    );

    await t.test("a module's code that one of three has otherwise", async () => {
      const guest = guestOf("web01");
      const { at, name } = guest.look(({ kernel }) => {
        const [module] = walkModules(kernel);
        const [text] = module === undefined ? [] : moduleRegions(kernel)(module);
        if (module === undefined || text === undefined) throw new Error("No module is loaded.");
        const length = kernel.struct("module").number("mem[0].size", "core_layout.text_size")(
          module,
        );
        // Nothing runs at the end of its last page.
        return {
          at: gva(text.base + BigInt(length - 16)),
          name: kernel.struct("module").string("name")(module),
        };
      });
      await using _changed = await guest.edit(() => [
        guest.write(at, Uint8Array.of(0x31, 0xc0, 0xc3)),
      ]);
      const [, moduleText] = await ask("web02", "web03");
      assert.equal(moduleText?.suspicions.length, 1, moduleText && describe(moduleText));
      assert.ok(moduleText?.suspicions[0]?.title.includes(`module ${name}`));
    });
  });
}
