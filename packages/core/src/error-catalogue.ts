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
    next: "Log in with `casemate login`, or send a token as `Authorization: Bearer TOKEN`.",
    status: 401,
    exit: ExitCode.denied,
  },
  "auth/denied": {
    next: "Ask somebody who may do this, or use a token with the needed scope.",
    status: 403,
    exit: ExitCode.denied,
  },
  "auth/failed": {
    next: "Check the name, the password and the code; three failures lock the account for 15 minutes.",
    status: 401,
    exit: ExitCode.denied,
  },
  "auth/code-needed": {
    next: "Send the code that the authenticator app shows now, too.",
    status: 401,
    exit: ExitCode.denied,
  },
  "auth/locked": {
    next: "Wait until then, or ask an owner to run `casemate account unlock NAME`.",
    status: 423,
    exit: ExitCode.denied,
  },
  "auth/too-many": {
    next: "Wait a moment, then try again.",
    status: 429,
    exit: ExitCode.denied,
  },
  "auth/ceremony": {
    next: "Begin again, and end it within a few minutes.",
    status: 409,
    exit: ExitCode.failed,
  },
  "auth/no-provider": {
    next: "Log in with name and password, or write `oidc.json` into the data directory and start Casemate again.",
    status: 404,
    exit: ExitCode.failed,
  },
  "auth/provider-failed": {
    next: "Check `oidc.json` in the data directory and the provider's own log.",
    status: 502,
    exit: ExitCode.failed,
  },
  "auth/untrusted-server": {
    next: "Find out whose certificate it is; if it is Casemate's new one, log in with --fingerprint.",
    status: 502,
    exit: ExitCode.denied,
  },
  "account/unknown": {
    next: "Run `casemate account list` to see the accounts that are there.",
    status: 404,
    exit: ExitCode.failed,
  },
  "account/exists": {
    next: "Choose another one; `casemate account list` shows those that are taken.",
    status: 409,
    exit: ExitCode.failed,
  },
  "account/disabled": {
    next: "Ask an owner to run `casemate account enable NAME`.",
    status: 403,
    exit: ExitCode.denied,
  },
  "account/needs-appointment": {
    next: "Ask for its roles with `casemate account roles NAME ROLE…` once its person can log in: a security officer approves them.",
    status: 403,
    exit: ExitCode.denied,
  },
  "account/weak-password": {
    next: "Choose a longer one: four or five random words are easy to remember.",
    status: 400,
    exit: ExitCode.failed,
  },
  "session/unknown": {
    next: "Run `casemate account sessions` to see those that are open.",
    status: 404,
    exit: ExitCode.failed,
  },
  "token/unknown": {
    next: "Run `casemate token list` to see those that are there.",
    status: 404,
    exit: ExitCode.failed,
  },
  "passkey/unknown": {
    next: "Run `casemate account show` to see those that are there.",
    status: 404,
    exit: ExitCode.failed,
  },
  "config/invalid": {
    next: "Correct the file and start Casemate again.",
    status: 400,
    exit: ExitCode.failed,
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
  "disk/unreadable": {
    next: "Give the path of a readable disk image, and see the system's own words above.",
    status: 400,
    exit: ExitCode.failed,
  },
  "disk/truncated": {
    next: "Copy the image again, and check that the disk it is written to has room.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "disk/unknown-format": {
    next: "Say which format it is; without a file system that is known its bytes can be read, not its files.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "disk/incomplete": {
    next: "Give the images that it refers to as well; what they hold is not read by a name in it.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "disk/damaged": {
    next: "Check the image with `qemu-img check` and its file system with `fsck -n`; what else it holds can be read.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "disk/unsupported": {
    next: "Report what the message names; what does not need it can be read.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "disk/encrypted": {
    next: "Give its key, or look into the guest's memory, where what is in use stands in clear.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "disk/not-found": {
    next: "List the directory above it to see what is there.",
    status: 404,
    exit: ExitCode.failed,
  },
  "json/unsupported": {
    next: "Send only what JSON holds: no dates, functions or undefined members.",
    status: 400,
    exit: ExitCode.failed,
  },
  "policy/not-found": {
    next: "Name a directory that holds a schema (*.cedarschema) and policies (*.cedar).",
    status: 404,
    exit: ExitCode.failed,
  },
  "policy/invalid": {
    next: "Correct the file at the named line and run `casemate policy check DIR`; the policies that run stay.",
    status: 422,
    exit: ExitCode.failed,
  },
  "policy/invalid-request": {
    next: "See the README of the policy directory for what a request holds.",
    status: 400,
    exit: ExitCode.usage,
  },
  "policy/conflict": {
    next: "Give the roles to two persons.",
    status: 409,
    exit: ExitCode.failed,
  },
  "ledger/invalid-fact": {
    next: "See the README of @casemate/ledger for what a fact may hold.",
    status: 400,
    exit: ExitCode.failed,
  },
  "ledger/not-found": {
    next: "Run `casemate ledger checkpoint` to see how many facts there are.",
    status: 404,
    exit: ExitCode.failed,
  },
  "ledger/damaged": {
    next: "Run `casemate ledger fsck` to see every damaged place, and restore those files from a copy.",
    status: 500,
    exit: ExitCode.suspicious,
  },
  "ledger/key-unusable": {
    next: "Restore the ledger's signing key from its backup, mode 600, owned by Casemate's user.",
    status: 500,
    exit: ExitCode.failed,
  },
  "ledger/malformed": {
    next: "Give it as Casemate or another C2SP tool wrote it.",
    status: 400,
    exit: ExitCode.failed,
  },
  "ledger/unproven": {
    next: "Treat what it claims as untrue until somebody explains the difference.",
    status: 422,
    exit: ExitCode.suspicious,
  },
  "ledger/inconsistent": {
    next: "The ledger was set back or rewritten: keep both versions and find out by whom.",
    status: 409,
    exit: ExitCode.suspicious,
  },
  "ledger/witness-failed": {
    next: "See that the witness runs and trusts this ledger's key (`casemate witness --trust`).",
    status: 502,
    exit: ExitCode.failed,
  },
  "ledger/anchor-failed": {
    next: "See what the anchor answered above, and anchor again.",
    status: 502,
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
  "vm/running": {
    next: "Stop the VM first with `casemate vm stop`.",
    status: 409,
    exit: ExitCode.failed,
  },
  "vm/exists": {
    next: "Choose another name; `casemate vm list` shows those in use.",
    status: 409,
    exit: ExitCode.failed,
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
  "guest/no-moment": {
    next: "Try again: an idle guest may have no interrupt for some seconds, a busy one may hold the lists all the time.",
    status: 409,
    exit: ExitCode.failed,
  },
  "guest/changed": {
    next: "Look again with `casemate inspect VM processes`: the process may have ended by itself.",
    status: 409,
    exit: ExitCode.failed,
  },
  "guest/stopped": {
    next: "Resume the VM with `casemate vm resume` and try again.",
    status: 409,
    exit: ExitCode.failed,
  },
  "definition/malformed": {
    next: "Correct the definition: libvirt's schema refused it.",
    status: 400,
    exit: ExitCode.failed,
  },
  "device/unknown": {
    next: "See with `casemate vm show` which devices the VM has.",
    status: 404,
    exit: ExitCode.failed,
  },
  "device/exists": {
    next: "Choose a target or an address that the VM does not use yet.",
    status: 409,
    exit: ExitCode.failed,
  },
  "network/failed": {
    next: "See nft's own words above; isolation needs Linux 5.16 and nftables at the VM's interfaces.",
    status: 502,
    exit: ExitCode.failed,
  },
  "console/in-use": {
    next: "Wait until its user lets go, or take it with --force.",
    status: 409,
    exit: ExitCode.failed,
  },
  "console/overrun": {
    next: "Open the console again, and read it as fast as the guest writes.",
    status: 409,
    exit: ExitCode.failed,
  },
  "snapshot/unknown": {
    next: "See with `casemate vm show` which snapshots the VM has.",
    status: 404,
    exit: ExitCode.failed,
  },
  "snapshot/exists": {
    next: "Choose another name for the snapshot.",
    status: 409,
    exit: ExitCode.failed,
  },
  "snapshot/unsupported": {
    next: "Use a snapshot of another kind, or a newer libvirt: `casemate doctor` says what this one can do.",
    status: 501,
    exit: ExitCode.failed,
  },
  "storage/unknown": {
    next: "See with `virsh pool-list --all` and `virsh vol-list` what the host has.",
    status: 404,
    exit: ExitCode.failed,
  },
  "storage/exists": {
    next: "Choose another name, or remove what is there first.",
    status: 409,
    exit: ExitCode.failed,
  },
  "storage/in-use": {
    next: "Stop the VM that uses it first.",
    status: 409,
    exit: ExitCode.failed,
  },
  "storage/outside": {
    next: "Use a path inside a storage pool, or name its directory in the host's configuration.",
    status: 403,
    exit: ExitCode.denied,
  },
  "image/unreadable": {
    next: "Check that the file is a whole disk image of the format that was said.",
    status: 400,
    exit: ExitCode.failed,
  },
  "image/refused": {
    next: "Treat the image as hostile: its header points at other files or is not as it must be.",
    status: 422,
    exit: ExitCode.failed,
  },
  "package/malformed": {
    next: "Give an OVF package (.ova, or .ovf with its files) as DSP0243 describes it.",
    status: 400,
    exit: ExitCode.failed,
  },
  "package/mismatch": {
    next: "Get the package anew: what arrived is not what its manifest describes.",
    status: 422,
    exit: ExitCode.failed,
  },
  "hook/foreign": {
    next: "Move the other hook away first; Casemate does not overwrite it.",
    status: 409,
    exit: ExitCode.failed,
  },
  "operation/refused": {
    next: "Change what stands in its way, then ask again.",
    status: 409,
    exit: ExitCode.failed,
  },
  "operation/unknown": {
    next: "See /openapi.json for the operations there are.",
    status: 404,
    exit: ExitCode.usage,
  },
  "operation/failed": {
    next: "See with `casemate requests show` what became of it.",
    status: 502,
    exit: ExitCode.failed,
  },
  "request/unknown": {
    next: "Run `casemate requests list` to see the requests there are.",
    status: 404,
    exit: ExitCode.failed,
  },
  "request/not-open": {
    next: "See with `casemate requests show` how it ended, and make a new request if it is still wanted.",
    status: 409,
    exit: ExitCode.failed,
  },
  "request/changed": {
    next: "Look at the new plan with `casemate requests show` before approving it.",
    status: 409,
    exit: ExitCode.failed,
  },
  "request/own": {
    next: "Ask another person who may approve it.",
    status: 403,
    exit: ExitCode.denied,
  },
  "request/id-used": {
    next: "Choose a new UUID for each request.",
    status: 409,
    exit: ExitCode.usage,
  },
  "request/signature": {
    next: "Sign with the key that the account approves with, or have it revoked and add another.",
    status: 403,
    exit: ExitCode.denied,
  },
  "request/key-there": {
    next: "Have the account's approval key revoked before adding another.",
    status: 409,
    exit: ExitCode.failed,
  },
  "breakglass/wrong-code": {
    next: "Use the code that was sealed last; each is good for one request.",
    status: 403,
    exit: ExitCode.denied,
  },
  "breakglass/locked": {
    next: "Wait a quarter of an hour, and find the sealed code.",
    status: 429,
    exit: ExitCode.denied,
  },
  "breakglass/unreviewed": {
    next: "Ask somebody who may review it to do so with `casemate breakglass review`.",
    status: 409,
    exit: ExitCode.denied,
  },
  "breakglass/unknown": {
    next: "Run `casemate breakglass list` to see the uses there are.",
    status: 404,
    exit: ExitCode.failed,
  },
  "request/awaiting-approval": {
    next: "Ask somebody who may approve it; they see it with `casemate requests list`.",
    status: 409,
    exit: ExitCode.denied,
  },
  "finding/unknown": {
    next: "Run `casemate findings list --all` to see those that are there.",
    status: 404,
    exit: ExitCode.failed,
  },
  "finding/not-open": {
    next: "Run `casemate findings show ID` to see what became of it; it opens again by itself if it is seen again.",
    status: 409,
    exit: ExitCode.failed,
  },
  "evidence/unknown": {
    next: "Run `casemate evidence list` to see what was saved.",
    status: 404,
    exit: ExitCode.failed,
  },
  "evidence/malformed": {
    next: "Believe nothing in it: get the bundle anew from whoever saved it.",
    status: 422,
    exit: ExitCode.suspicious,
  },
  "evidence/unreadable": {
    next: "Give a file that `casemate evidence save` or `casemate evidence get` wrote.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "rule/not-found": {
    next: "Give a directory with *.yaml files, as rules/ of Casemate.",
    status: 404,
    exit: ExitCode.failed,
  },
  "rule/invalid": {
    next: "Correct what it names and run `casemate rules check`.",
    status: 422,
    exit: ExitCode.failed,
  },
  "notify/refused": {
    next: "Check `notify.json` in the data directory and the receiver's own log; it is told again for two hours.",
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
  "inspect/torn": {
    next: "Look again, or with --pause: what the guest changes meanwhile cannot be read of one moment.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "inspect/agent-answer": {
    next: "What the agent in the guest says is not to be relied on: check the VM without asking it, and treat the guest as suspicious.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "inspect/crashed": {
    next: "Look again; if it happens again, treat the guest as suspicious.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "scan/damaged": {
    next: "What the guest keeps there contradicts itself: look at the file itself; all else was scanned.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "scan/unsupported": {
    next: "Report what the message names; all else was scanned.",
    status: 422,
    exit: ExitCode.inconclusive,
  },
  "baseline/malformed": {
    next: "Give a file that `casemate scan --save-baseline` wrote.",
    status: 422,
    exit: ExitCode.failed,
  },
  "rules/unreadable": {
    next: "Give files of YARA rules, or directories with some that end in .yar or .yara.",
    status: 400,
    exit: ExitCode.failed,
  },
  "rules/malformed": {
    next: "Mend what it names, or leave that file out; `include` and modules that YARA-X lacks are not supported.",
    status: 422,
    exit: ExitCode.failed,
  },
  "feed/malformed": {
    next: "Get the feed anew, or give one of OSV, Debian's security tracker or a Debian archive.",
    status: 422,
    exit: ExitCode.failed,
  },
  "feed/untrusted": {
    next: "Do not use it; get it anew, and check that the keys given are those of its publisher.",
    status: 422,
    exit: ExitCode.suspicious,
  },
  "feed/unreachable": {
    next: "Check the address and the network, or import the feed from a file.",
    status: 502,
    exit: ExitCode.failed,
  },
  "feed/too-large": {
    next: "Check that the address is that of the feed that is meant.",
    status: 422,
    exit: ExitCode.failed,
  },
  "lab/build-failed": {
    next: "See the log named above; run the command again, it goes on where it stopped.",
    status: 500,
    exit: ExitCode.failed,
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorCatalogue;
