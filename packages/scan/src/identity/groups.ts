import type { Collector } from "../collector.ts";
import { walkColonLines } from "./users.ts";

/** A group (group(5)). HOSTILE: the guest says it. */
export interface UserGroup {
  readonly name: string;
  readonly gid: number;
  /** Those that have it besides their own. */
  readonly members: readonly string[];
}

/** Groups, by /etc/group. */
export const groups: Collector<UserGroup> = {
  id: "groups/group",
  *collect(look) {
    for (const [name = "", , gid = "", members = ""] of walkColonLines(look, "/etc/group")) {
      if (name === "" || !/^\d{1,10}$/.test(gid)) continue;
      const names = members.split(",").filter((member) => member !== "");
      yield { name, gid: Number(gid), members: names };
    }
  },
};
