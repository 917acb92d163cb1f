import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";

const detector = "kernel-settings";

export const kernelSettingsCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "crashes that start a program anybody may write",
    finds: /^core_pattern core_pattern = \|\/dev\/shm\/x %p$/,
    tamper: (guest) => set(guest, "core_pattern", "|/dev/shm/x %p"),
  },
  {
    detector,
    claim: "crashes that write where the system reads its configuration",
    finds: /^core_pattern /,
    tamper: (guest) => set(guest, "core_pattern", "/etc/cron.d/core"),
  },
  {
    detector,
    claim: "a program in /tmp that the kernel loads modules with",
    finds: /^modprobe_path modprobe_path = \/tmp\/x$/,
    tamper: (guest) => set(guest, "modprobe", "/tmp/x"),
  },
  {
    detector,
    claim: "a program of the system that is no loader of modules",
    finds: /^modprobe_path /,
    tamper: (guest) => set(guest, "modprobe", "/bin/sh"),
  },
  {
    detector,
    claim: "a hidden program that switches the machine off",
    finds: /^poweroff_cmd /,
    tamper: (guest) => set(guest, "poweroff_cmd", "/usr/bin/.x"),
  },
  {
    detector,
    claim: "a control group whose end starts a program of a container",
    finds: /^release_agent /,
    tamper: async (guest) => {
      const directory = "/run/casemate-release";
      await guest.run(
        `mkdir -p ${directory} && mount -t cgroup -o none,name=casemate none ${directory} && ` +
          `echo /var/lib/containers/overlay/x >${directory}/release_agent`,
      );
      return {
        [Symbol.asyncDispose]: async () => {
          await guest.run(`echo >${directory}/release_agent; umount ${directory}`);
        },
      };
    },
  },
];

async function set(guest: GuestEditor, name: string, value: string): Promise<AsyncDisposable> {
  const file = `/proc/sys/kernel/${name}`;
  const before = await guest.run(`cat ${file}`);
  await guest.run(`echo '${value}' >${file}`);
  return {
    [Symbol.asyncDispose]: async () => {
      await guest.run(`echo '${before}' >${file}`);
    },
  };
}
