import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { startNamed } from "../start-named.ts";

const detector = "preloaded-libraries";
/** A library that every system has, where none belongs. */
const COPY = "cp $(ls /lib/x86_64-linux-gnu/libz.so.1 /lib/x86_64-linux-gnu/libm.so.6 | head -1)";

/** Not a Perl that names itself: to do so it writes over its environment. */
const startWith = (guest: GuestEditor, variable: string) =>
  startNamed(guest, "sleep", `env ${variable} sleep 1000000`);

export const preloadedLibrariesCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a library of /tmp that a program is made to load",
    finds: /^process \d+ started at [\d.]+: LD_PRELOAD \/tmp\/x\.so$/,
    tamper: (guest) => withLibrary(guest, "/tmp/x.so"),
  },
  {
    detector,
    claim: "a library of /dev/shm in a program",
    finds: /: library \/dev\/shm\/x\.so$/,
    tamper: (guest) => withLibrary(guest, "/dev/shm/x.so"),
  },
  {
    detector,
    claim: "a library of a user's in a program of root's",
    finds: /: library \/home\/x\.so$/,
    tamper: (guest) => withLibrary(guest, "/home/x.so"),
  },
  {
    detector,
    claim: "an auditor of the dynamic linker",
    finds: /: LD_AUDIT \.\/x\.so$/,
    tamper: (guest) => startWith(guest, "LD_AUDIT=./x.so"),
  },
  {
    detector,
    claim: "a path of libraries through /var/tmp",
    finds: /: LD_LIBRARY_PATH \/var\/tmp\/lib$/,
    tamper: (guest) => startWith(guest, "LD_LIBRARY_PATH=/usr/lib:/var/tmp/lib"),
  },
  {
    detector,
    claim: "a library that every program loads",
    finds: /^\/etc\/ld\.so\.preload \/usr\/lib\/x\.so$/,
    tamper: async (guest) => {
      const file = "/etc/ld.so.preload";
      await guest.run(`echo "/usr/lib/x.so # nothing" >${file}`);
      return { [Symbol.asyncDispose]: async () => void (await guest.run(`rm ${file}`)) };
    },
  },
];

async function withLibrary(guest: GuestEditor, path: string): Promise<AsyncDisposable> {
  await using undo = new AsyncDisposableStack();
  await guest.run(`${COPY} ${path}`);
  undo.defer(async () => void (await guest.run(`rm ${path}`)));
  undo.use(await startWith(guest, `LD_PRELOAD=${path}`));
  await guest.run(`until grep -q ${path} /proc/[0-9]*/maps; do sleep 0.1; done`);
  return undo.move();
}
