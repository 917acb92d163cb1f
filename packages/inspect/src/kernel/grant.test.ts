import assert from "node:assert/strict";
import { test } from "node:test";
import { gva } from "@casemate/core";
import { buildGuest, type GuestOptions } from "../../test/guest-builder.ts";
import type { Budget } from "../budget.ts";
import { MemoryFault } from "../memory/memory-fault.ts";
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

/** A guest in which the pointer `member` of the tasks `damaged` leads nowhere. */
function damagedGuest(member: string, damaged: readonly number[], options: GuestOptions = {}) {
  const guest = buildGuest(options);
  const offset = guest.btf.offsetOf("task_struct", member);
  for (const i of damaged) {
    guest.memory.view.setBigUint64((guest.tasks[i] ?? 0) + offset, 0xdead_beef_dead_beefn, true);
  }
  return guest;
}

test("Grant.read: a damaged process is told, and the others are shown", () => {
  for (const live of [false, true]) {
    const guest = damagedGuest("real_cred", [2], { live });
    const result = attach(guest.memory).grant("kernelMetadata").read(processes);
    assert.deepEqual(
      result.items.map(({ pid }) => pid),
      [1, 77],
    );
    const at = `0x${(guest.directBase + BigInt(guest.tasks[2] ?? 0)).toString(16)}`;
    assert.deepEqual(
      result.damaged.map(({ object }) => object),
      [`task_struct at ${at}`],
    );
    assert.match(result.damaged[0]?.reason ?? "", /0xdeadbeefdeadbeef/);
    // What stays damaged in a guest that runs is not what a change looks like.
    assert.equal(result.consistency, live ? "retried" : "consistent");
  }
});

test("Grant.read: a list that breaks off is told, and what came before is shown", () => {
  const guest = damagedGuest("tasks", [2]);
  const { items, damaged } = attach(guest.memory).grant("kernelMetadata").read(processes);
  assert.deepEqual(
    items.map(({ pid }) => pid),
    [1, 2],
  );
  assert.deepEqual(
    damaged.map(({ object }) => object),
    ["walk of task_struct"],
  );
});

test("Grant.read: throws where all there is is damaged", () => {
  const wrong = { code: "kernel/damaged", message: /no address/ };
  for (const guest of [damagedGuest("real_cred", [1, 2, 3]), damagedGuest("tasks", [0])]) {
    const grant = attach(guest.memory).grant("kernelMetadata");
    assert.throws(() => grant.read(processes), wrong);
  }
});

test("Grant.look: so much damage is that of the whole guest", () => {
  const grant = attach(buildGuest().memory).grant("kernelMetadata");
  const damage = () => {
    throw new MemoryFault(gva(0n), "a null pointer", "a kernel address");
  };
  const look = (count: number) =>
    grant.look(({ kernel }) => {
      for (let i = 0; i < count; i += 1) kernel.attempt(damage, "nothing");
    });
  assert.equal(look(1000).damaged.length, 1000);
  assert.throws(() => look(1001), { code: "kernel/damaged", message: /more than 1000/ });
  assert.equal(look(1).damaged.length, 1);
});

test("Grant.look: a circle of tasks is told, and each of them shown once", () => {
  const guest = buildGuest();
  const [, first = 0, second = 0] = guest.tasks;
  const next = guest.btf.offsetOf("task_struct", "tasks");
  guest.memory.view.setBigUint64(second + next, guest.directBase + BigInt(first + next), true);
  const { items, damaged } = attach(guest.memory).grant("kernelMetadata").read(processes);
  assert.deepEqual(
    items.map(({ pid }) => pid),
    [1, 2],
  );
  assert.match(damaged[0]?.reason ?? "", /circles/);
});

test("Grant.look: one without end costs no more than the budget", () => {
  const grant = attach(buildGuest().memory).grant("kernelMetadata");
  const endless = (_: unknown, budget: Budget) => {
    for (;;) budget.step();
  };
  assert.throws(() => grant.look(endless, { steps: 10_000 }), { code: "inspect/budget" });
});
