/** Hands each event to everybody who listens at that moment; a listener that falls behind is let go. */
export interface EventHub {
  publish(event: string): void;
  /** The events from now until `signal` is aborted. Ends early for a reader more than `backlogLimit` behind. */
  listen(signal: AbortSignal): AsyncIterable<string>;
  readonly listeners: number;
}

const backlogLimit = 1_000;

interface Listener {
  readonly backlog: string[];
  wake(): void;
}

export function eventHub(): EventHub {
  const listeners = new Set<Listener>();
  return {
    publish(event) {
      for (const listener of listeners) {
        listener.backlog.push(event);
        listener.wake();
      }
    },
    listen: (signal) => walkEvents(listeners, signal),
    get listeners() {
      return listeners.size;
    },
  };
}

async function* walkEvents(listeners: Set<Listener>, signal: AbortSignal): AsyncGenerator<string> {
  let wake = () => {};
  const listener: Listener = { backlog: [], wake: () => wake() };
  const stop = () => wake();
  listeners.add(listener);
  signal.addEventListener("abort", stop, { once: true });
  try {
    while (!signal.aborted) {
      const event = listener.backlog.shift();
      if (event !== undefined) {
        if (listener.backlog.length > backlogLimit) return;
        yield event;
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    listeners.delete(listener);
    signal.removeEventListener("abort", stop);
  }
}
