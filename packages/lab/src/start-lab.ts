import { existsSync } from "node:fs";
import { chown, realpath, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { CasemateError } from "@casemate/core";
import { LibvirtConnection } from "@casemate/host";
import { type DomainFiles, formatDomainXml } from "./domain-xml.ts";
import { GuestConsole } from "./guest-console.ts";
import { ensureImage, type LabImage } from "./image/ensure-image.ts";
import { type GuestPlan, labNetwork, planGuests } from "./lab-guests.ts";
import { makeDirectory } from "./make-directory.ts";
import { makeOverlay } from "./make-overlay.ts";
import { formatNetworkXml } from "./network-xml.ts";
import { PrivateLibvirt } from "./private-libvirt.ts";
import type { OnProgress } from "./progress.ts";
import { type QemuUser, readQemuUser } from "./qemu-user.ts";
import { runCommand } from "./run-command.ts";
import { makeRunDirectory } from "./run-directory.ts";

export interface LabOptions {
  /** Where the guests' disks are while the lab runs; QEMU's user must be able to enter it. */
  readonly dataDir: string;
  /** Where built images are kept between runs. */
  readonly cacheDir: string;
  /** `kvm` only where a guest was seen to run with it. */
  readonly accelerator: "kvm" | "tcg";
  /** Keeps the guests' disks for the next run instead of beginning each with new ones. */
  readonly keepDisks?: boolean;
  readonly onProgress?: OnProgress;
}

/** A guest of the lab, from its start on. */
export interface LabGuest extends GuestPlan {
  /** Unix socket of its root shell: `GuestConsole.open`. */
  readonly consoleSocket: string;
  readonly bootLog: string;
  readonly disk: string;
}

/** Three guests under a libvirt of their own; disposing ends both and removes the guests' disks. */
export interface Lab extends AsyncDisposable {
  readonly connectUri: string;
  readonly guests: readonly LabGuest[];
  readonly network: typeof labNetwork;
  readonly image: LabImage;
  readonly libvirt: PrivateLibvirt;
  /** Waits until the guest's shell answers and its services are up. */
  waitUntilReady(guest: LabGuest, signal?: AbortSignal): Promise<void>;
}

/**
 * Builds the image if need be, starts a private libvirt and in it web01, db01 and build01, and returns
 * as soon as they run: they still boot.
 *
 * Needs root. Throws `system/missing`, `system/not-permitted`, `lab/build-failed`, `data/not-writable`,
 * `libvirt/failed` and `cancelled`, and leaves nothing running then.
 */
export async function startLab(options: LabOptions, signal?: AbortSignal): Promise<Lab> {
  const { onProgress = () => {} } = options;
  await using undo = new AsyncDisposableStack();
  const image = await ensureImage(options, signal);

  onProgress({ step: "libvirt" });
  const run = await makeRunDirectory(options.dataDir, 0o711);
  undo.defer(() => rm(run, { recursive: true, force: true }));
  // Overlays fit only the image that they were made over.
  const kept = path.join(options.dataDir, `disks-${path.basename(image.directory)}`);
  const disks = options.keepDisks === true ? kept : run;
  await makeDirectory(disks);
  const libvirt = undo.use(await PrivateLibvirt.start(options, signal));
  const user = await readQemuUser(signal);
  const plans = planGuests(await realpath(options.dataDir));
  const guests = await Promise.all(
    plans.map(async (plan): Promise<LabGuest> => {
      const disk = path.join(disks, `${plan.name}.qcow2`);
      const bootLog = path.join(run, `${plan.name}.boot.log`);
      if (!existsSync(disk)) await makeOverlay(disk, image.disk, signal);
      await writeFile(bootLog, "");
      for (const file of [disk, bootLog]) await chown(file, user.uid, user.gid);
      const consoleSocket = path.join(libvirt.directory, `${plan.name}.console`);
      return { ...plan, disk, bootLog, consoleSocket };
    }),
  );
  await verifyReachable(user, [image.disk, image.initramfs, image.kernel.vmlinuz], "-r", signal);
  await verifyReachable(
    user,
    guests.map(({ disk }) => disk),
    "-w",
    signal,
  );

  await using connection = await LibvirtConnection.open(libvirt.uri, {}, signal);
  await connection.networks.create(formatNetworkXml(plans), signal);
  let started = 0;
  onProgress({ step: "guests", done: 0, total: guests.length });
  await Promise.all(
    guests.map(async (guest) => {
      const files: DomainFiles = {
        ...guest,
        vmlinuz: image.kernel.vmlinuz,
        initramfs: image.initramfs,
      };
      await connection.createDomain(formatDomainXml(guest, files, options.accelerator), [], signal);
      started += 1;
      onProgress({ step: "guests", done: started, total: guests.length, detail: guest.name });
    }),
  );

  const owned = undo.move();
  return {
    connectUri: libvirt.uri,
    guests,
    network: labNetwork,
    image,
    libvirt,
    waitUntilReady,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Throws where QEMU's user cannot get at a file, which libvirt would say less plainly. */
async function verifyReachable(
  user: QemuUser,
  files: readonly string[],
  access: "-r" | "-w",
  signal?: AbortSignal,
): Promise<void> {
  const ids = ["--reuid", String(user.uid), "--regid", String(user.gid), "--init-groups"];
  for (const file of files) {
    try {
      await runCommand("setpriv", [...ids, "test", access, file], {}, signal);
    } catch (cause) {
      if (signal?.aborted === true) throw cause;
      throw new CasemateError(
        "data/not-writable",
        `Cannot start the lab: QEMU's user ${user.name} may not open ${file}, expected it to.`,
        { cause, next: "Choose a directory that every user may enter, below /var/lib for one." },
      );
    }
  }
}

async function waitUntilReady(guest: LabGuest, signal?: AbortSignal): Promise<void> {
  await using console = await GuestConsole.open(guest.consoleSocket, signal);
  await console.waitUntilReady(signal);
  await console.output("until [ -e /run/lab-ready ]; do sleep 0.2; done", signal);
}
