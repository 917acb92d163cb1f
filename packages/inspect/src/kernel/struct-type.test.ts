import assert from "node:assert/strict";
import { test } from "node:test";
import { gva } from "@casemate/core";
import { buildGuest } from "../../test/guest-builder.ts";
import { attach } from "./attach.ts";

function open() {
  const guest = buildGuest();
  const address = (i: number) => gva(guest.directBase + BigInt(guest.tasks[i] ?? 0));
  return { guest, address, grant: attach(guest.memory).grant("kernelMetadata") };
}

test("StructType: accessors have the width and sign that BTF says", () => {
  const { address, grant } = open();
  grant.look(({ kernel }) => {
    const task = kernel.struct("task_struct");
    assert.equal(task.number("pid")(address(3)), 77);
    assert.equal(task.number("__state")(address(2)), 0x402);
    assert.equal(task.bigint("start_boottime")(address(3)), 77_000_000_000n);
    assert.equal(task.bigint("tgid")(address(3)), 77n);
    assert.equal(task.string("comm")(address(3)), "sshd");
    assert.equal(task.bytes("comm")(address(3)).length, 16);
    assert.equal(task.number("policy")(address(3)), 1);
    assert.equal(kernel.constant("SCHED_FIFO"), 1);
    assert.equal(task.number("remote_wakeup")(address(1)), 5);
    assert.equal(task.number("signed_bits")(address(1)), -7);
    assert.equal(task.bigint("signed_bits")(address(1)), -7n);
  });
});

test("StructType: paths follow pointers and look through structs of one integer", () => {
  const { address, grant } = open();
  grant.look(({ kernel }) => {
    const task = kernel.struct("task_struct");
    assert.equal(task.number("real_parent->tgid")(address(3)), 1);
    assert.equal(task.string("real_parent->real_parent->comm")(address(3)), "swapper/0");
    assert.equal(task.number("real_cred->uid")(address(3)), 33);
    assert.equal(task.number("real_cred->euid.val")(address(3)), 33);
    assert.equal(task.pointer("real_parent")(address(3)), address(1));
    const tasks = task.address("tasks")(address(3));
    assert.equal(task.containerOf(tasks, "tasks"), address(3));
  });
});

test("StructType: says what this kernel does not have", () => {
  const { grant } = open();
  grant.look(({ kernel }) => {
    const task = kernel.struct("task_struct");
    const unsupported = { code: "kernel/unsupported" };
    assert.throws(() => task.number("nothing"), unsupported);
    assert.throws(() => task.number("comm"), unsupported);
    assert.throws(() => task.string("pid"), unsupported);
    assert.throws(() => task.pointer("pid"), unsupported);
    assert.throws(() => kernel.struct("nothing"), unsupported);
    assert.throws(() => kernel.symbol("nothing"), unsupported);
    assert.equal(task.has("nothing"), false);
    assert.equal(kernel.hasStruct("nothing"), false);
  });
});

test("KernelReader: symbols, processors and per-CPU variables", () => {
  const { guest, grant } = open();
  grant.look(({ kernel }) => {
    assert.deepEqual(kernel.onlineCpus(), [0, 1]);
    assert.equal(kernel.perCpu(kernel.symbol("runqueues"), 1), guest.directBase + 0x2_1000n);
    const initTask = kernel.symbol("init_task");
    assert.deepEqual(kernel.symbolAt(gva(initTask + 3n)), { name: "init_task", offset: 3 });
    assert.equal(kernel.symbolAt(gva(0n)), undefined);
  });
});
