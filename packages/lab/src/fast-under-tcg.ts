/** What a guest is started with that TCG runs, so that it takes half of the time. */
export const fastUnderTcg = {
  /**
   * Kernel: programs at the same addresses each time they start. TCG translates code for the address that it
   * runs at: it would translate a program and its libraries for each of its processes anew.
   */
  cmdline: "norandmaps",
  /** Processor: without the feature for which kernels copy by `rep movsb`, which TCG runs byte by byte. */
  disabled: "erms",
} as const;
