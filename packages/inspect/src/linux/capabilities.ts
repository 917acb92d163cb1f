/** Capabilities by number (include/uapi/linux/capability.h), as capability(7) and libcap write them. */
const NAMES = (
  "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable " +
  "net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot " +
  "sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease " +
  "audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read " +
  "perfmon bpf checkpoint_restore"
)
  .split(" ")
  .map((name) => `cap_${name}`);

/** What a set of `kernel_cap_t` has at most: before 6.3 full sets have bits that stand for nothing. */
const BITS = 64;

/** A set of capabilities, as /proc/PID/status has it and in words. */
export interface CapabilitySet {
  /** 16 hexadecimal digits. */
  readonly mask: string;
  /** `cap_net_admin`, …; numbers where none is known. Of a set with every one that the kernel has, only `all`. */
  readonly names: readonly string[];
}

/** Puts masks into words, for a kernel whose last capability is `last`; it remembers them, as most are alike. */
export function capabilitySets(last: number): (mask: bigint) => CapabilitySet {
  const known = new Map<bigint, CapabilitySet>();
  const all = (1n << BigInt(last + 1)) - 1n;
  return (mask) => {
    let set = known.get(mask);
    if (set === undefined) {
      const names = (mask & all) === all ? ["all"] : namesOf(mask);
      set = { mask: mask.toString(16).padStart(16, "0"), names };
      known.set(mask, set);
    }
    return set;
  };
}

function namesOf(mask: bigint): readonly string[] {
  const names: string[] = [];
  for (let bit = 0; bit < BITS; bit += 1) {
    if (((mask >> BigInt(bit)) & 1n) !== 0n) names.push(NAMES[bit] ?? `cap_${bit}`);
  }
  return names;
}

/** The last capability that is known here: `CAP_LAST_CAP`. */
export const LAST_CAPABILITY: number = NAMES.length - 1;
