import type { DetectorCase } from "../detector-case.ts";
import { startNamed } from "../start-named.ts";

const detector = "foreign-code";
const NAME = "GUEST";

/** Perl that calls the kernel itself, and then says that it is ready by its name. */
const perl = (calls: string) => `perl -e '${calls}; $0 = "${NAME}"; sleep 1000000'`;

export const foreignCodeCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "memory that is writable and executable",
    finds: /^process \d+ started at [\d.]+: code at 0x[0-9a-f]+$/,
    // mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0).
    tamper: (guest) => startNamed(guest, NAME, perl("syscall(9, 0, 8192, 7, 0x22, -1, 0)")),
  },
  {
    detector,
    claim: "memory of a memfd that is executable",
    finds: /: code at 0x[0-9a-f]+$/,
    // memfd_create, ftruncate, and mmap(…, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0).
    tamper: (guest) =>
      startNamed(
        guest,
        NAME,
        perl(
          'my $f = syscall(319, my $n = "x", 0); syscall(77, $f, 4096); syscall(9, 0, 4096, 5, 1, $f, 0)',
        ),
      ),
  },
  {
    detector,
    claim: "a program that only ever was in memory",
    finds: /: program$/,
    tamper: (guest) =>
      // The kernel calls what it runs from a descriptor by the descriptor's number.
      startNamed(
        guest,
        "^[0-9]$",
        [
          `perl -e 'my $f = syscall(319, my $n = "x", 0); open(my $out, ">&=", $f); open(my $in, "<", "/bin/sleep");`,
          `local $/; syswrite($out, <$in>); exec { "/proc/self/fd/$f" } "sleep", 1000000'`,
        ].join(" "),
      ),
  },
  {
    detector,
    claim: "a program that was deleted",
    finds: /: program$/,
    tamper: async (guest) => {
      const copy = "sh -c 'cp /bin/sleep /tmp/GONE; exec /tmp/GONE 1000000'";
      const started = await startNamed(guest, "GONE", copy);
      await guest.run("rm /tmp/GONE");
      return started;
    },
  },
  {
    detector,
    claim: "a process that is traced",
    finds: /: traced$/,
    // ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL).
    tamper: (guest) =>
      startNamed(
        guest,
        NAME,
        perl("my $p = fork; sleep 1000000 unless $p; syscall(101, 0x4206, $p, 0, 0x100000)"),
      ),
  },
];
