import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** `UNIX98_PTY_SLAVE_MAJOR` and the seven after it (include/uapi/linux/major.h). */
const PTS_MAJORS = { first: 136, last: 143 } as const;

/** Reads the name of a process's controlling terminal, as `ps` shows it: `pts/0`, `ttyS0`; null without one. */
export function taskTerminal(kernel: KernelReader): Accessor<string | null> {
  const pointer = kernel.struct("task_struct").pointer("signal->tty");
  const tty = kernel.struct("tty_struct");
  const name = tty.string("name");
  const index = tty.number("index");
  const major = tty.number("driver->major");
  return (task) => {
    const at = pointer(task);
    if (at === 0n) return null;
    const number = major(at);
    const isPts = number >= PTS_MAJORS.first && number <= PTS_MAJORS.last;
    return isPts ? `pts/${index(at)}` : name(at);
  };
}
