import { type Gva, gva } from "@casemate/core";
import { walkProcessFiles } from "../../../src/linux/walk-process-files.ts";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { loadedModule } from "../loaded-module.ts";

const detector = "inode-tables";
const FILE = "/run/casemate-inode";
const isTable = /^file_operations[ .]/;

export const inodeTablesCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a file whose functions are a module's",
    finds: isTable,
    tamper: (guest) =>
      withOpenFile(guest, (file) =>
        guest.look(({ kernel }) =>
          kernel.struct("inode").address("i_fop")(kernel.struct("file").pointer("f_inode")(file)),
        ),
      ),
  },
  {
    detector,
    claim: "an open file whose functions are code of a module",
    finds: isTable,
    tamper: (guest) =>
      withOpenFile(guest, (file) =>
        guest.look(({ kernel }) => kernel.struct("file").address("f_op")(file)),
      ),
  },
];

/** Has a process open a file, and puts the address of a module where `place` of its `struct file` says. */
async function withOpenFile(
  guest: GuestEditor,
  place: (file: Gva) => Gva,
): Promise<AsyncDisposable> {
  const code = await loadedModule(guest, "dummy");
  await using undo = new AsyncDisposableStack();
  const pid = Number(
    await guest.run(`echo >${FILE}; exec 7<${FILE}; sleep 1000 >/dev/null 2>&1 & echo $!`),
  );
  undo.defer(async () => void (await guest.run(`kill ${pid}; rm ${FILE}`)));
  const file = guest.look(({ kernel }) => {
    const tgid = kernel.struct("task_struct").number("tgid");
    for (const open of walkProcessFiles(kernel)) {
      if (open.fd === 7 && tgid(open.task) === pid) return open.file;
    }
    return gva(0n);
  });
  undo.use(await guest.edit(() => [guest.writeU64(place(file), code)]));
  return undo.move();
}
