import type { DetectorCase } from "../detector-case.ts";
import { unlink } from "../list-edits.ts";
import { sleeperOf } from "../sleeper-of.ts";
import { unlistProcess } from "../unlist-process.ts";
import { victimModule } from "../victim-module.ts";

const detector = "agent-answers";

export const agentAnswersCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a module off the list of modules, of which /proc/modules does not tell the agent",
    finds: /^agent hides module dummy at 0x[0-9a-f]{16}$/,
    async tamper(guest) {
      const module = await victimModule(guest);
      const list = guest.look(({ kernel }) => kernel.struct("module").address("list")(module));
      return guest.edit(() => unlink(guest, list));
    },
  },
  {
    detector,
    claim: "a process out of the pid table, which the agent neither lists nor finds",
    finds: /^agent hides process \d+ started at [\d.]+$/,
    async tamper(guest) {
      const sleeper = await sleeperOf(guest);
      return guest.edit(() => unlistProcess(guest, sleeper, "pids"));
    },
  },
  {
    detector,
    claim: "tables of sockets that the agent cannot read",
    finds: "could not look",
    async tamper(guest) {
      await guest.run("mount -t tmpfs none /proc/1/net");
      return { [Symbol.asyncDispose]: async () => void (await guest.run("umount /proc/1/net")) };
    },
  },
];
