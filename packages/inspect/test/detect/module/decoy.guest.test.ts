import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { formatAddress, gva } from "@casemate/core";
import { bootTestGuest, ensureImage, fetchKernel, labCacheDir } from "@casemate/lab";
import { GuestEditor } from "../guest-editor.ts";
import { guestKinds } from "../guest-kinds.ts";
import { describe } from "../try-case.ts";
import { buildDecoy } from "./build-decoy.ts";

const cacheDir = labCacheDir;
const OBJECT = "/run/decoy.ko";
/** `uname` */
const NUMBER = 63;

/** Those of stable releases: their headers are in the archive. */
const kinds = guestKinds.filter(({ suite }) => suite !== "experimental");

test("detectors: find what a module does that runs in the guest", { concurrency: 2 }, async (t) => {
  await ensureImage({ cacheDir });
  await Promise.all(
    kinds.map(({ title, suite, flavour, cpu }) =>
      t.test(title, async (t) => {
        const image = await ensureImage({ cacheDir });
        const kernel = await fetchKernel({ suite, flavour, cacheDir, busybox: image.busybox });
        const module = await buildDecoy(suite, kernel.release);
        await using machine = await bootTestGuest({ cacheDir, kernel, cpu });
        await using guest = await GuestEditor.open(machine);
        const lines =
          gzipSync(module)
            .toString("base64")
            .match(/.{1,76}/g) ?? [];
        await guest.run(
          `busybox base64 -d <<'END' | busybox gunzip >${OBJECT}\n${lines.join("\n")}\nEND`,
        );
        const insert = (argument: string) => guest.run(`insmod ${OBJECT} ${argument}`);
        const remove = () => guest.run("rmmod decoy");
        const keys = async (detector: string) => {
          const [verdict] = await guest.sweep(detector);
          assert.ok(verdict !== undefined);
          return verdict.suspicions.map(({ key }) => key);
        };
        const isClean = async (...ids: readonly string[]) => {
          for (const verdict of await guest.sweep(...ids)) {
            assert.deepEqual(verdict.suspicions, [], describe(verdict));
          }
        };
        const symbol = (name: string) => guest.look((access) => access.kernel.symbol(name));

        await t.test("hidden-processes: a process that it takes off the list", async () => {
          const pid = await guest.run("sleep 1000 >/dev/null 2>&1 & echo $!");
          await insert(`hide_pid=${pid}`);
          const found = await keys("hidden-processes");
          assert.ok(
            found.some((key) => key.startsWith(`process ${pid} `)),
            found.join("\n"),
          );
          await remove();
          await guest.run(`kill ${pid}`);
          await isClean("hidden-processes");
        });

        await t.test("system-calls: an entry of the table that it redirects", async () => {
          const entry = gva(symbol("sys_call_table") + BigInt(NUMBER * 8));
          await insert(`redirect=${formatAddress(entry)}`);
          await guest.run("uname -a");
          const found = await keys("system-calls");
          assert.ok(
            found.some((key) => key.startsWith(`sys_call_table[${NUMBER}] `)),
            found.join("\n"),
          );
          await remove();
          await isClean("system-calls");
        });

        await t.test("function-tables: what /proc/net/tcp shows passes through it", async () => {
          const show = guest.look((access) =>
            access.kernel.struct("seq_operations").address("show")(
              access.kernel.symbol("tcp4_seq_ops"),
            ),
          );
          await insert(`redirect=${formatAddress(show)}`);
          await guest.run("cat /proc/net/tcp");
          const calls = Number(await guest.run("cat /sys/module/decoy/parameters/calls"));
          assert.ok(calls > 0, "it was called");
          for (const detector of ["function-tables", "constant-pointers"]) {
            const found = await keys(detector);
            assert.ok(
              found.some((key) => key.includes(`${formatAddress(show)} -> `)),
              found.join("\n"),
            );
          }
          await remove();
          await isClean("function-tables", "constant-pointers");
        });

        await t.test("hidden-modules: it takes itself off the list", async () => {
          await insert("unlist=1");
          assert.notDeepEqual(await keys("hidden-modules"), []);
        });
      }),
    ),
  );
});
