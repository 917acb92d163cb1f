import type { DeviceDefinition, InterfaceChange } from "@casemate/host";
import type { ChangeScope } from "./domain-control.ts";

/** Which device of a VM: a disk or drive by its target (`vdb`), a NIC by its MAC. */
export type DeviceName =
  | { readonly kind: "disk"; readonly target: string }
  | { readonly kind: "interface"; readonly mac: string };

/** A domain's devices. A `live` change needs a running VM (`vm/not-running`), a `config` one a persistent. */
export interface DeviceControl {
  /** Throws `storage/outside` for a source that is no pool's, `device/exists` for a target or MAC in use. */
  attach(
    uuid: string,
    device: DeviceDefinition,
    scope: ChangeScope,
    signal?: AbortSignal,
  ): Promise<void>;
  /**
   * `asked` where the guest has not let the device go after some seconds; it may still. Throws
   * `device/unknown`.
   */
  detach(
    uuid: string,
    device: DeviceName,
    scope: ChangeScope,
    signal?: AbortSignal,
  ): Promise<"detached" | "asked">;
  /**
   * Puts a medium into a drive, or takes it out where `path` is undefined; `force` opens a tray that the
   * guest locked. Throws `device/unknown`, `storage/outside`.
   */
  changeMedia(
    uuid: string,
    target: string,
    path: string | undefined,
    options: { readonly scope: ChangeScope; readonly force?: boolean },
    signal?: AbortSignal,
  ): Promise<void>;
  /** Moves a NIC to another network or bridge, or sets its link. Throws `device/unknown`. */
  updateInterface(
    uuid: string,
    mac: string,
    change: InterfaceChange,
    scope: ChangeScope,
    signal?: AbortSignal,
  ): Promise<void>;
}
