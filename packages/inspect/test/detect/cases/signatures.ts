import { findTask } from "../../../src/index.ts";
import { walkVmas } from "../../../src/linux/walk-vmas.ts";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { MARKER } from "../lab-rules.ts";
import { startNamed } from "../start-named.ts";

const detector = "signatures";
const NAME = "GUEST";
const FILE = "/root/MARKED";
const inMemory = /^process \d+ started at [\d.]+: lab:marker in memory at 0x[0-9a-f]+$/;

/** Perl that puts the marker together, does something with it, and says that it is ready by its name. */
const perl = (work: string) =>
  `perl -e 'my $text = join("-", "${MARKER[0]}", "${MARKER[1]}"); ${work}; $0 = "${NAME}"; sleep 1000000'`;

export const signaturesCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "what a rule looks for, in memory that may be executed",
    finds: inMemory,
    // mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), and read(2) from a pipe.
    tamper: (guest) =>
      startNamed(
        guest,
        NAME,
        perl(`my $at = syscall(9, 0, 8192, 7, 0x22, -1, 0); pipe(my $out, my $in);
          syswrite $in, $text; syscall(0, fileno $out, $at + 100, length $text) > 0 or die; undef $text`),
      ),
  },
  {
    detector,
    claim: "what a rule looks for, on the heap",
    finds: inMemory,
    tamper: (guest) => startNamed(guest, NAME, perl("$text = $text x 1000")),
  },
  {
    detector,
    claim: "what a rule looks for, in a file that a process maps",
    finds: /^file \/root\/MARKED, inode \d+: lab:marker$/,
    async tamper(guest) {
      await using undo = new AsyncDisposableStack();
      undo.defer(async () => void (await guest.run(`rm ${FILE}`)));
      // mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0).
      const map = `open(my $file, "+>", "${FILE}"); syswrite $file, $text; syscall(9, 0, 4096, 1, 1, fileno $file, 0) > 0 or die`;
      undo.use(await startNamed(guest, NAME, perl(map)));
      return undo.move();
    },
  },
  {
    detector,
    claim: "a process whose memory areas contradict each other",
    finds: "could not look",
    async tamper(guest) {
      await using undo = new AsyncDisposableStack();
      undo.use(await startNamed(guest, NAME, perl("")));
      undo.use(await turnArea(guest));
      return undo.move();
    },
  },
];

/** Has an area of the process end where it begins. */
async function turnArea(guest: GuestEditor): Promise<AsyncDisposable> {
  const pid = Number(await guest.run(`grep -l '^Name:.${NAME}' /proc/[0-9]*/status | cut -d/ -f3`));
  const { at, start } = guest.look(({ kernel }) => {
    const mm = kernel.struct("task_struct").pointer("mm")(findTask(kernel, pid));
    const type = kernel.struct("vm_area_struct");
    const vma = [...walkVmas(kernel, mm)].at(-1);
    if (vma === undefined) throw new Error("The process has no memory.");
    return { at: type.address("vm_end")(vma), start: type.bigint("vm_start")(vma) };
  });
  return await guest.edit(() => [guest.writeU64(at, start)]);
}
