import {
  bootTestGuest,
  ensureImage,
  fetchKernel,
  labCacheDir,
  type TestGuestOptions,
} from "@casemate/lab";
import { diskModules } from "../truth/disk-modules.ts";
import { GuestEditor } from "./guest-editor.ts";
import type { GuestKind } from "./guest-kinds.ts";
import { labFiles } from "./lab-files.ts";
import { labRules } from "./lab-rules.ts";

/** A guest for detectors, and the release of its kernel. */
export interface StartedGuest extends AsyncDisposable {
  readonly guest: GuestEditor;
  /** `uname -r`. */
  readonly release: string;
}

/** Boots a guest of one kind, with the files that its kernel came with. */
export async function startGuest(
  { suite, flavour, cpu }: GuestKind,
  options: Partial<TestGuestOptions> = {},
): Promise<StartedGuest> {
  const cacheDir = labCacheDir;
  const image = await ensureImage({ cacheDir });
  const kernel = await fetchKernel({ suite, flavour, cacheDir, busybox: image.busybox });
  await using undo = new AsyncDisposableStack();
  const machine = undo.use(
    await bootTestGuest({
      cacheDir,
      kernel,
      diskModules,
      cpu,
      role: "web",
      memoryMiB: 384,
      ...options,
    }),
  );
  const files = undo.use(await labFiles(kernel, image));
  const signatures = undo.use(labRules());
  const guest = undo.use(await GuestEditor.open(machine, { files, signatures }));
  const owned = undo.move();
  return {
    guest,
    release: kernel.release,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
