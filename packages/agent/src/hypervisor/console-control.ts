import type { Duplex } from "node:stream";

/** A VM's serial console. */
export interface ConsoleControl {
  /**
   * The bytes of a console (`serial0`, or the first where undefined) both ways; destroying it lets go, and
   * it ends when the VM does. It has one user at a time: `force` takes it from whoever has it. Throws
   * `vm/not-running`, `console/in-use`, `device/unknown`.
   */
  open(
    uuid: string,
    options: { readonly device?: string; readonly force?: boolean },
    signal?: AbortSignal,
  ): Promise<Duplex>;
}
