import { ExitCode } from "./exit-code.ts";

export interface ErrorKind {
  /** What to do next, as one sentence. */
  readonly next: string;
  readonly status: number;
  readonly exit: ExitCode;
}

/**
 * Every error Casemate tells people about: its code, what to do next, and the HTTP status and exit
 * code it becomes. The sentence itself is written where the error is raised, in the form
 * "Cannot ⟨verb⟩ ⟨object⟩: ⟨what was seen⟩, expected ⟨what was needed⟩."
 */
export const errorCatalogue = {
  usage: {
    next: "Run the command with --help to see what it takes.",
    status: 400,
    exit: ExitCode.usage,
  },
  internal: {
    next: "This is a defect in Casemate: run again with CASEMATE_DEBUG=1 and report what it prints.",
    status: 500,
    exit: ExitCode.failed,
  },
  cancelled: {
    next: "Run the command again; what was done so far is kept.",
    status: 499,
    exit: ExitCode.failed,
  },
  "auth/required": {
    next: "Send the token that `casemate up` printed as `Authorization: Bearer TOKEN`.",
    status: 401,
    exit: ExitCode.denied,
  },
  "auth/denied": {
    next: "Ask somebody who may do this, or use a token with the needed scope.",
    status: 403,
    exit: ExitCode.denied,
  },
  "api/not-found": {
    next: "See /openapi.json for what the API offers.",
    status: 404,
    exit: ExitCode.failed,
  },
  "api/unreachable": {
    next: "Start it with `casemate up`, or ask libvirt itself with --connect URI.",
    status: 503,
    exit: ExitCode.failed,
  },
  "listen/in-use": {
    next: "Stop what listens there, or choose another address with --listen.",
    status: 500,
    exit: ExitCode.failed,
  },
  "listen/not-allowed": {
    next: "Choose an address of this machine and a port of 1024 or above with --listen.",
    status: 500,
    exit: ExitCode.failed,
  },
  "data/in-use": {
    next: "Stop the other Casemate first, or give this one its own directory with --data.",
    status: 500,
    exit: ExitCode.failed,
  },
  "data/not-writable": {
    next: "Give a directory this user may write with --data.",
    status: 500,
    exit: ExitCode.failed,
  },
  "data/damaged": {
    next: "Restore the data directory from a backup, or start with a new one by --data.",
    status: 500,
    exit: ExitCode.failed,
  },
  "disk/full": {
    next: "Free space on that file system and run the command again.",
    status: 507,
    exit: ExitCode.failed,
  },
  "system/missing": {
    next: "Run `casemate doctor` to see what is missing and the command that installs it.",
    status: 500,
    exit: ExitCode.failed,
  },
  "system/not-permitted": {
    next: "Run as root, or as a user who may do this.",
    status: 500,
    exit: ExitCode.failed,
  },
  "libvirt/missing": {
    next: "Install libvirt (`apt-get install libvirt-daemon-system`), or run `casemate doctor`.",
    status: 503,
    exit: ExitCode.failed,
  },
  "libvirt/unreachable": {
    next: "Start libvirtd, or name a running one with --connect URI.",
    status: 503,
    exit: ExitCode.failed,
  },
  "libvirt/not-permitted": {
    next: "Run as root, or join the group `libvirt`.",
    status: 503,
    exit: ExitCode.failed,
  },
  "libvirt/failed": {
    next: "See libvirt's own words above and its log.",
    status: 502,
    exit: ExitCode.failed,
  },
  "vm/unknown": {
    next: "Run `casemate vm list` to see the VMs that are there.",
    status: 404,
    exit: ExitCode.failed,
  },
  "vm/not-running": {
    next: "Start the VM first; only a running or paused VM has memory to look at.",
    status: 409,
    exit: ExitCode.inconclusive,
  },
  "vm/gone": {
    next: "The VM stopped while it was read; look again when it runs.",
    status: 409,
    exit: ExitCode.inconclusive,
  },
  "vm/still-paused": {
    next: "Casemate goes on trying; once libvirt answers again, `casemate vm list` shows the state.",
    status: 502,
    exit: ExitCode.failed,
  },
  "memory/not-permitted": {
    next: "Run as root: reading a guest's memory needs the rights of its QEMU process.",
    status: 503,
    exit: ExitCode.inconclusive,
  },
  "memory/unsupported": {
    next: "Look at the VM's memory backing with `casemate vm show`.",
    status: 501,
    exit: ExitCode.inconclusive,
  },
  "dump/unreadable": {
    next: "Give the path of a readable memory image with --memory.",
    status: 400,
    exit: ExitCode.failed,
  },
  "dump/truncated": {
    next: "Take the dump again, and check that the disk it is written to has room.",
    status: 400,
    exit: ExitCode.inconclusive,
  },
  "dump/unknown-format": {
    next: "Give a raw image, an ELF core, a kdump-compressed dump or a LiME file.",
    status: 400,
    exit: ExitCode.failed,
  },
  "kernel/not-found": {
    next: "A guest still in its firmware or boot loader has none yet: wait and look again.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "kernel/no-btf": {
    next: "The guest's kernel carries no type information (CONFIG_DEBUG_INFO_BTF): boot one that does.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "kernel/no-symbols": {
    next: "The guest's kernel carries no symbol table (CONFIG_KALLSYMS): boot one that does.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "kernel/unsupported": {
    next: "Report the kernel release; the views that do not need this part still work.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "kernel/damaged": {
    next: "The guest's kernel structures contradict themselves: treat the guest as suspicious and look again.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "inspect/not-found": {
    next: "See with `casemate inspect VM processes` or `mounts` what the guest has.",
    status: 404,
    exit: ExitCode.failed,
  },
  "inspect/not-in-memory": {
    next: "The guest's memory does not hold it now: look again later, or read it from the guest's disk.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "inspect/budget": {
    next: "Raise the budget with --budget, or look when the host is less busy.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "inspect/crashed": {
    next: "Look again; if it happens again, treat the guest as suspicious.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "lab/build-failed": {
    next: "See the log named above; run the command again, it goes on where it stopped.",
    status: 500,
    exit: ExitCode.failed,
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorCatalogue;
