/**
 * Aborted at the first SIGINT, SIGTERM or SIGHUP, after `onStop`; the second ends the process where it
 * stands, with the exit code shells give to that signal.
 */
export function stopOnSignals(onStop: () => void): AbortSignal {
  const controller = new AbortController();
  for (const [name, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(code);
      onStop();
      controller.abort();
    });
  }
  return controller.signal;
}
