/** A command and its arguments, as `spawn` and `execFile` take them. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

/**
 * The command in a process and mount namespace of its own (and a network namespace where asked for),
 * so that the kernel ends all it started, and takes back all it mounted, when this process ends in
 * whatever way: the parent's death kills `unshare`, `unshare`'s death kills the namespace's pid 1
 * (`tini`, which collects orphans), and the death of pid 1 kills every process of the namespace.
 *
 * Linux ties the first link to the thread that spawns: start it from one that lives long enough.
 */
export function contained(
  file: string,
  args: readonly string[],
  options: { readonly network: boolean } = { network: false },
): Command {
  return {
    file: "setpriv",
    args: [
      ...["--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private"],
      ...["--pid", "--fork", "--kill-child", "--mount-proc"],
      ...(options.network ? ["--net"] : []),
      ...["--", "tini", "--", file, ...args],
    ],
  };
}
