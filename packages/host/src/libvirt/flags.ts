/**
 * libvirt's flag sets, one table a function, bits as in libvirt-domain.h and
 * libvirt-domain-snapshot.h: `["paused", "forceBoot"]` instead of `0x9`.
 */
const tables = {
  define: { validate: 1 << 0 },
  create: {
    paused: 1 << 0,
    autodestroy: 1 << 1,
    bypassCache: 1 << 2,
    forceBoot: 1 << 3,
    validate: 1 << 4,
    resetNvram: 1 << 5,
  },
  destroy: { graceful: 1 << 0, removeLogs: 1 << 1 },
  /** For shutdown and reboot alike; several mean that libvirt tries them in an order of its own. */
  shutdown: {
    acpiPowerButton: 1 << 0,
    guestAgent: 1 << 1,
    initctl: 1 << 2,
    signal: 1 << 3,
    paravirt: 1 << 4,
  },
  undefine: {
    managedSave: 1 << 0,
    snapshotsMetadata: 1 << 1,
    nvram: 1 << 2,
    keepNvram: 1 << 3,
    checkpointsMetadata: 1 << 4,
    tpm: 1 << 5,
    keepTpm: 1 << 6,
  },
  /** Neither means the state that the VM is in now. */
  modify: { live: 1 << 0, config: 1 << 1, force: 1 << 2 },
  amount: { live: 1 << 0, config: 1 << 1, maximum: 1 << 2 },
  save: { bypassCache: 1 << 0, running: 1 << 1, paused: 1 << 2, resetNvram: 1 << 3 },
  coreDump: {
    crash: 1 << 0,
    live: 1 << 1,
    bypassCache: 1 << 2,
    reset: 1 << 3,
    memoryOnly: 1 << 4,
  },
  console: { force: 1 << 0, safe: 1 << 1 },
  backup: { reuseExternal: 1 << 0 },
  volumeResize: { allocate: 1 << 0, delta: 1 << 1, shrink: 1 << 2 },
  snapshotCreate: {
    redefine: 1 << 0,
    current: 1 << 1,
    noMetadata: 1 << 2,
    halt: 1 << 3,
    diskOnly: 1 << 4,
    reuseExternal: 1 << 5,
    quiesce: 1 << 6,
    atomic: 1 << 7,
    live: 1 << 8,
    validate: 1 << 9,
  },
  snapshotRevert: { running: 1 << 0, paused: 1 << 1, force: 1 << 2, resetNvram: 1 << 3 },
  snapshotDelete: { children: 1 << 0, metadataOnly: 1 << 1, childrenOnly: 1 << 2 },
} as const;

type Tables = typeof tables;

/** A choice of libvirt's flags for one kind of call, by name. */
export type LibvirtFlags<K extends keyof Tables> = readonly (keyof Tables[K] & string)[];

/** The flags as the integer that libvirt takes. */
export function flagBits<K extends keyof Tables>(kind: K, flags: LibvirtFlags<K>): number {
  const table: Readonly<Record<string, number>> = tables[kind];
  return flags.reduce((bits, flag) => bits | (table[flag] ?? 0), 0);
}
