import type { DomainDescription } from "@casemate/agent";

type Disks = Pick<DomainDescription, "disks">;

/** A disk in a file, as a definition has it. */
interface DiskFile {
  readonly target: string;
  readonly path: string;
}

/**
 * The disks in files that a VM has now and has no more when it goes back to the definition `then`: they are left
 * as they are.
 *
 * @param isExternal whether it goes back to an external snapshot, which gives a disk that stays another file
 */
export function findDroppedDisks(
  now: Disks,
  then: Disks,
  isExternal: boolean,
): readonly DiskFile[] {
  const staying = filesOf(then);
  return filesOf(now).filter(
    ({ target, path }) =>
      !staying.some((each) => each.target === target && (isExternal || each.path === path)),
  );
}

function filesOf({ disks }: Disks): readonly DiskFile[] {
  return disks.flatMap(({ target, source }) =>
    "path" in source ? [{ target, path: source.path }] : [],
  );
}
