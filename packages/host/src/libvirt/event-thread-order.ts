/** What the main thread and the event thread tell each other through shared memory. */
export const EventThreadOrder = {
  run: 0,
  /** The main thread: come out of libvirt. */
  leave: 1,
  /** The event thread: out, and not to return. */
  left: 2,
} as const;
