import { type BpfRow, bpf } from "../../../src/index.ts";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { eraseFromIdr } from "../list-edits.ts";
import { once } from "../once.ts";

const detector = "hidden-bpf";

export const hiddenBpfCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a BPF program out of the registry, so that bpftool has it not",
    finds: /^bpf program cm_hidden at 0x[0-9a-f]{16}$/,
    tamper: (guest) => hide(guest, "prog_idr", (row) => row.name === "cm_hidden"),
  },
  {
    detector,
    claim: "a BPF map out of the registry",
    finds: /^bpf map cm_hidden_map at 0x[0-9a-f]{16}$/,
    tamper: (guest) => hide(guest, "map_idr", (row) => row.name === "cm_hidden_map"),
  },
  {
    detector,
    claim: "a BPF link out of the registry",
    finds: /^bpf link at 0x[0-9a-f]{16}$/,
    tamper: (guest) =>
      hide(guest, "link_idr", (row) => row.object === "link" && row.type === "raw_tracepoint"),
  },
  {
    detector,
    claim: "a registry of BPF programs that leads nowhere",
    finds: "could not look",
    tamper: async (guest) => {
      await loadProgram(guest);
      const head = guest.look(({ kernel }) =>
        kernel.struct("idr").address("idr_rt.xa_head")(kernel.symbol("prog_idr")),
      );
      // An internal entry: what it leads to should be a node.
      return guest.edit(() => [guest.writeU64(head, 0x4141_4141_4141_4142n)]);
    },
  },
];

/** bpf(2): a map, a program that uses it, and a link that has it run when a process ends. */
const PROGRAM = String.raw`
use strict; $| = 1;
sub bpf { my ($command, $attr) = @_; my $fd = syscall 321, $command, $attr, length $attr; die "bpf $command: $!" if $fd < 0; return $fd }
my $map = bpf(0, pack "LLLLLLLa16", 2, 4, 8, 1, 0, 0, 0, "cm_hidden_map");
my $code = pack("CCsl", 0x18, 0x11, 0, $map) . pack("CCsl", 0, 0, 0, 0) . pack("CCsl", 0xb7, 0, 0, 0) . pack("CCsl", 0x95, 0, 0, 0);
my ($license, $point) = ("GPL\0", "sched_process_exit\0");
my $program = bpf(5, pack "LLPPLLQLLa16", 17, 4, $code, $license, 0, 0, 0, 0, 0, "cm_hidden");
bpf(17, pack "PLL", $point, $program, 0);
print "ready\n"; sleep 1000000 while 1;
`;

const loadProgram = once((guest) => guest.hold(PROGRAM));

async function hide(
  guest: GuestEditor,
  registry: "prog_idr" | "map_idr" | "link_idr",
  isWanted: (row: BpfRow) => boolean,
): Promise<AsyncDisposable> {
  await loadProgram(guest);
  const row = guest.kernel.grant("kernelMetadata").read(bpf).items.find(isWanted);
  if (row === undefined) throw new Error(`The guest has nothing of ours in ${registry}.`);
  return guest.edit(() => {
    const idr = guest.look(({ kernel }) => kernel.symbol(registry));
    return [eraseFromIdr(guest, idr, row.id)];
  });
}
