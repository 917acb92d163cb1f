import { formatAddress } from "@casemate/core";
import { type UsermodeHelper, walkUsermodeHelpers } from "../linux/walk-usermode-helpers.ts";
import { printable } from "../printable.ts";
import { defineDetector } from "./detector.ts";
import { type HelperFault, helperFault } from "./helper-fault.ts";

/** Where core dumps become what others run or believe. */
const TRUSTED_PLACES = /^\/(?:etc|boot|root|usr|lib\w*|s?bin|proc|sys|var\/spool\/cron)\//;
/** What a program that loads modules may be called; the last two switch it off. */
const MODULE_LOADERS = /\/(?:modprobe|kmod|true|false)$/;

/** Programs that the kernel starts with all rights, and that are not where programs of the system are. */
export const kernelSettings = defineDetector({
  id: "kernel-settings",
  title: "Programs that the kernel starts",
  techniques: ["T1546", "T1611"],
  needs: ["kernelMetadata"],
  cost: "low",
  blindTo: [
    "What the programs themselves are: a program of the system that was replaced is program-integrity's to find.",
    "Helpers whose paths are compiled into the kernel, such as /sbin/request-key.",
    "Interpreters of binfmt_misc whose file system is not mounted.",
  ],
  check({ kernel }, inspection) {
    for (const helper of kernel.attemptWalk(walkUsermodeHelpers(kernel), "usermode helpers")) {
      inspection.looked();
      const fault = faultOf(helper);
      if (fault === undefined) continue;
      const { setting, value, structure, path } = helper;
      inspection.report({
        key: `${setting} ${path.at(-1)} = ${value}`,
        title: `${TITLES[setting]} is "${printable(value)}"`,
        severity: fault.severity,
        because: fault.because,
        techniques: setting === "release_agent" ? ["T1611"] : ["T1546"],
        evidence: [
          {
            what: setting,
            address: formatAddress(structure),
            expected: EXPECTED[setting],
            seen: value,
            path,
          },
        ],
        remediation:
          "Find out who set it, look at the program it names, and set it back (sysctl kernel.core_pattern, kernel.modprobe; /sys/fs/cgroup, /proc/sys/fs/binfmt_misc).",
      });
    }
  },
});

const TITLES = {
  core_pattern: "What gets the memory of crashed programs",
  modprobe_path: "What loads modules for the kernel",
  poweroff_cmd: "What switches the machine off",
  uevent_helper: "What is told of new devices",
  release_agent: "What is started when a control group becomes empty",
  binfmt_misc: "An interpreter of programs",
} as const;

const EXPECTED = {
  core_pattern: "a file name, or | and a program of the system",
  modprobe_path: "/sbin/modprobe",
  poweroff_cmd: "/sbin/poweroff",
  uevent_helper: "nothing, or a program of the system",
  release_agent: "nothing, or a program of the system",
  binfmt_misc: "a program of the system",
} as const;

function faultOf({ setting, value }: UsermodeHelper): HelperFault | undefined {
  if (value === "") return undefined;
  switch (setting) {
    case "core_pattern":
      return coreFault(value);
    case "modprobe_path":
      return (
        helperFault(value) ??
        (MODULE_LOADERS.test(value)
          ? undefined
          : {
              severity: "high",
              because:
                "The kernel starts it as root whenever a program asks for what is in no module.",
            })
      );
    case "poweroff_cmd":
    case "uevent_helper":
    case "release_agent":
    case "binfmt_misc":
      return helperFault(value.split(" ")[0] ?? "");
  }
}

/** format_corename() of fs/coredump.c: a pipe, a socket, or the name of a file. */
function coreFault(pattern: string): HelperFault | undefined {
  if (pattern.startsWith("|")) return helperFault(pattern.slice(1).trimStart().split(" ")[0] ?? "");
  if (!TRUSTED_PLACES.test(pattern)) return undefined;
  return {
    severity: "critical",
    because:
      "What a program leaves when it crashes becomes a file there that others run or believe.",
  };
}
