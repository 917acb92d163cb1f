import koffi from "koffi";

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/**
 * Has the kernel kill this process when process `parent` ends, however that ends (prctl(2)).
 *
 * To be called after the last change of user: the kernel forgets it then.
 */
export function dieWithParent(parent: number): void {
  const prctl = koffi
    .load("libc.so.6")
    .func("int prctl(int option, ulong a, ulong b, ulong c, ulong d)");
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) !== 0) {
    throw new Error("prctl(PR_SET_PDEATHSIG) failed.");
  }
  if (process.ppid !== parent) process.exit(1); // it ended before the kernel was told
}
