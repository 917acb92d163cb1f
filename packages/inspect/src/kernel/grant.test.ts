import assert from "node:assert/strict";
import { test } from "node:test";
import { gva } from "@casemate/core";
import { buildGuest } from "../../test/guest-builder.ts";
import { defineView } from "../views/define-view.ts";
import { processes } from "../views/processes.ts";
import { attach } from "./attach.ts";
import type { Grant } from "./grant.ts";

const secrets = defineView({
  id: "secrets",
  kind: "SecretList",
  title: "Secrets",
  needs: ["kernelMetadata", "userMemory"],
  read({ kernel, user }) {
    const task = kernel.struct("task_struct");
    return [{ size: task.size, opens: typeof user.open }];
  },
  columns: [{ key: "size", title: "SIZE" }],
});

test("Grant: a view gets readers of the classes it needs, and no others compile", () => {
  const kernel = attach(buildGuest().memory);
  const metadata = kernel.grant("kernelMetadata");
  assert.equal(metadata.read(processes).items.length, 3);
  assert.equal(kernel.grant("kernelMetadata", "userMemory").read(secrets).items.length, 1);

  // @ts-expect-error user memory was not granted
  assert.throws(() => metadata.read(secrets), { code: "auth/denied" });
  // @ts-expect-error a look with kernel metadata alone has no reader of user memory
  metadata.look(({ user }) => assert.equal(user, undefined));
  // @ts-expect-error nor of file contents
  metadata.look(({ files }) => assert.equal(files, undefined));
  // @ts-expect-error nor of kernel text
  metadata.look(({ text }) => assert.equal(text, undefined));

  const readUserMemory = (grant: Grant<"userMemory">) => grant.classes;
  // @ts-expect-error a grant for one class is none for another
  readUserMemory(metadata);
  defineView({
    id: "sly",
    kind: "Sly",
    title: "Sly",
    needs: ["kernelMetadata"],
    // @ts-expect-error a view that needs kernel metadata alone cannot take a reader of user memory
    read: ({ user }) => [{ user }],
    columns: [],
  });
});

test("Grant.look: consistent where nothing changes", () => {
  const { consistency, attempts, steps } = attach(buildGuest({ live: true }).memory)
    .grant("kernelMetadata")
    .read(processes);
  assert.equal(consistency, "consistent");
  assert.equal(attempts, 1);
  assert.equal(steps, 3);
});

/** Walks the processes and lets the guest start or end one meanwhile, `changes` times. */
function lookWhileItChanges(changes: number) {
  const guest = buildGuest({ live: true });
  const [idle = 0, first = 0, second = 0] = guest.tasks;
  const tasks = guest.btf.offsetOf("task_struct", "tasks");
  const link = (at: number) => gva(guest.directBase + BigInt(at + tasks));
  const { view } = guest.memory;
  let remaining = changes;
  return attach(guest.memory)
    .grant("kernelMetadata")
    .look(({ kernel }) => {
      const task = kernel.struct("task_struct");
      const head = task.address("tasks")(kernel.symbol("init_task"));
      const pids = [...task.list(head, "tasks")].map(task.number("pid"));
      if (remaining > 0) {
        remaining -= 1;
        // Unlinks the first process, or puts it back.
        const isLinked = view.getBigUint64(idle + tasks, true) === link(first);
        const next = isLinked ? second : first;
        view.setBigUint64(idle + tasks, link(next), true);
        view.setBigUint64(second + tasks + 8, isLinked ? head : link(first), true);
      }
      return pids;
    });
}

test("Grant.look: tries again when a list changed under it", () => {
  const { value, consistency, attempts } = lookWhileItChanges(1);
  assert.equal(consistency, "retried");
  assert.equal(attempts, 2);
  assert.deepEqual(value, [2, 77]);
});

test("Grant.look: says torn when it never holds still", () => {
  const { consistency, attempts } = lookWhileItChanges(100);
  assert.equal(consistency, "torn");
  assert.equal(attempts, 4);
});

test("Grant.look: a list whose links do not lead back is torn, in a dump too", () => {
  const guest = buildGuest();
  const second = guest.tasks[2] ?? 0;
  const prev = second + guest.btf.offsetOf("task_struct", "tasks") + 8;
  guest.memory.view.setBigUint64(prev, guest.directBase + 64n, true);
  const { items, consistency } = attach(guest.memory).grant("kernelMetadata").read(processes);
  assert.equal(items.length, 3);
  assert.equal(consistency, "torn");
});

test("Grant.look: a circle of tasks is damage, and an endless one costs no more than the budget", () => {
  const guest = buildGuest();
  const [, first = 0, second = 0] = guest.tasks;
  const next = guest.btf.offsetOf("task_struct", "tasks");
  guest.memory.view.setBigUint64(second + next, guest.directBase + BigInt(first + next), true);
  const grant = attach(guest.memory).grant("kernelMetadata");
  assert.throws(() => grant.read(processes), { code: "kernel/damaged", message: /circles/ });
  assert.throws(
    () =>
      grant.look(
        (_, budget) => {
          for (;;) budget.step();
        },
        { steps: 10_000 },
      ),
    {
      code: "inspect/budget",
    },
  );
});
