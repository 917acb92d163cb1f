import { gpa } from "@casemate/core";
import { programFiles } from "../../../src/detect/files/program-files.ts";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { startSleepers } from "../sleepers.ts";
import { startNamed } from "../start-named.ts";

const detector = "program-text";
const PAGE = 4096;
/** Nothing that runs while a test does is so deep in the page. */
const IN_PAGE = 0x800;
const JUNK = new Uint8Array(4).fill(0xcc);

/**
 * Perl that writes over the end of the code of what is mapped as `name`: mprotect(2), read(2) out of a pipe, and
 * mprotect(2) again. /proc/PID/mem does it in fewer words, and not on every kernel.
 */
const writeOver = (name: string) =>
  `perl -e 'open(my $maps, "<", "/proc/self/maps"); my $end; while (<$maps>) { $end = hex $1 if /^\\w+-(\\w+) r-xp .*${name}/ }
  my $page = $end - ${PAGE}; pipe(my $out, my $in); syswrite $in, "\\x31\\xc0\\xc3";
  syscall(10, $page, ${PAGE}, 7) == 0 && syscall(0, fileno $out, $end - 64, 3) == 3 && syscall(10, $page, ${PAGE}, 5) == 0 or die;
  $0 = "GUEST"; sleep 1000000'`;

export const programTextCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "code of a program that was written over in its memory",
    finds: /^process \d+ started at [\d.]+: code of \/usr\/bin\/perl/,
    tamper: (guest) => startNamed(guest, "GUEST", writeOver("perl")),
  },
  {
    detector,
    claim: "code of a library that was written over in a process",
    finds: /: code of \/.*\/libc[.-]/,
    tamper: (guest) => startNamed(guest, "GUEST", writeOver("libc[.-]")),
  },
  {
    detector,
    claim: "code of a program that was written over in the page cache",
    finds: /^file \/(?:usr\/)?bin\/sleep, inode \d+: not as on the disk$/,
    tamper: (guest) =>
      withSleeper(guest, (frame) => guest.write(gpa(frame * PAGE + IN_PAGE), JUNK)),
  },
  {
    detector,
    claim: "a program that no disk has",
    finds: "could not look",
    tamper: async (guest) => {
      const copy = "sh -c 'cp /bin/sleep /root/OWN; exec /root/OWN 1000000'";
      await using undo = new AsyncDisposableStack();
      undo.defer(async () => void (await guest.run("rm /root/OWN")));
      undo.use(await startNamed(guest, "OWN", copy));
      return undo.move();
    },
  },
];

/** Changes the first page of the code of sleep, which a process runs. */
async function withSleeper(
  guest: GuestEditor,
  change: (frame: number) => Disposable,
): Promise<AsyncDisposable> {
  await using undo = new AsyncDisposableStack();
  const { task } = undo.use(await startSleepers(guest));
  const frame = guest.look(({ kernel }) => {
    const mm = kernel.struct("task_struct").pointer("mm")(task);
    const file = programFiles(kernel)(kernel.struct("mm_struct").pointer("exe_file")(mm));
    // Programs begin with a page that is not code.
    const [, found] = [...(file?.pages() ?? [])].find(([index]) => index > 0) ?? [];
    if (found === undefined) throw new Error("No code of sleep is in memory.");
    return found.frame;
  });
  undo.use(await guest.edit(() => [change(frame)]));
  return undo.move();
}
