import type { GuestEditor } from "./guest-editor.ts";

/**
 * Starts a command that has a name like `name` and sleeps once it is what it is to be; disposing ends it.
 *
 * @param command for `sh`, without a quote that is not closed.
 */
export async function startNamed(
  guest: GuestEditor,
  name: string,
  command: string,
): Promise<AsyncDisposable> {
  const pid = await guest.run(
    `${command} >/dev/null 2>&1 & until grep -q "${name}" /proc/$!/comm && grep -q "^State:.S" /proc/$!/status; do kill -0 $! || exit 1; sleep 0.1; done; echo $!`,
  );
  return {
    [Symbol.asyncDispose]: async () => {
      await guest.run(`kill -9 ${pid}; while [ -e /proc/${pid} ]; do sleep 0.1; done; true`);
    },
  };
}
