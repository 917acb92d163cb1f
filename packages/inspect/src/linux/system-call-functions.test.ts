import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { systemCallFunctions } from "./system-call-functions.ts";

/** Calls whose functions are called otherwise. */
const OTHERWISE: Readonly<Record<string, string>> = {
  stat: "newstat",
  fstat: "newfstat",
  lstat: "newlstat",
  uname: "newuname",
  sendfile: "sendfile64",
  umount2: "umount",
};
/** Numbers that no kernel since 5.10 has a function for. */
const GONE = new Set(
  "uselib _sysctl create_module get_kernel_syms query_module nfsservctl getpmsg putpmsg afs_syscall tuxcall security set_thread_area get_thread_area epoll_ctl_old epoll_wait_old vserver lookup_dcookie".split(
    " ",
  ),
);

test("systemCallFunctions: are those of the numbers that libc knows", async () => {
  const header = await readFile("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "utf8");
  let compared = 0;
  for (const [, name = "", number = ""] of header.matchAll(/^#define __NR_(\w+) (\d+)$/gm)) {
    const known = systemCallFunctions.x64[Number(number)];
    if (known === undefined) {
      assert.ok(GONE.has(name), `${number} is ${name}`);
      continue;
    }
    assert.equal(known, OTHERWISE[name] ?? name);
    compared += 1;
  }
  assert.ok(compared > 300);
});
