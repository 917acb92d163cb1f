import { fastUnderTcg } from "./fast-under-tcg.ts";

/** What a test guest's QEMU is started with. */
export interface TestGuestHardware {
  readonly uuid: string;
  readonly memoryMiB: number;
  readonly cpu: string;
  readonly machine: "q35" | "pc";
  readonly sharedMemory: boolean;
  readonly accelerator: "kvm" | "tcg";
  readonly vmlinuz: string;
  readonly initramfs: string;
  readonly cmdline: string;
  /** Path of a qcow2; none for a guest that lives in its initramfs. */
  readonly disk: string | undefined;
  readonly bootLog: string;
  readonly consoleSocket: string;
  readonly qmpSocket: string;
}

/** QEMU's arguments for a test guest. */
export function testGuestArguments(guest: TestGuestHardware): string[] {
  const size = `${guest.memoryMiB}M`;
  const shared = guest.sharedMemory;
  const cpu = guest.accelerator === "tcg" ? `${guest.cpu},${fastUnderTcg.disabled}=off` : guest.cpu;
  return [
    ...["-name", "guest=casemate-test", "-uuid", guest.uuid],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-machine", `${guest.machine}${shared ? ",memory-backend=ram" : ""}`],
    ...["-accel", guest.accelerator, "-cpu", cpu, "-m", size],
    ...(shared ? ["-object", `memory-backend-memfd,id=ram,size=${size},share=on`] : []),
    ...["-serial", `file:${guest.bootLog}`],
    ...["-serial", `unix:${guest.consoleSocket},server=on,wait=off`],
    ...["-qmp", `unix:${guest.qmpSocket},server=on,wait=off`],
    ...["-device", "virtio-rng-pci"],
    ...(guest.disk === undefined ? [] : ["-drive", `if=virtio,format=qcow2,file=${guest.disk}`]),
    ...["-kernel", guest.vmlinuz, "-initrd", guest.initramfs, "-append", guest.cmdline],
  ];
}
