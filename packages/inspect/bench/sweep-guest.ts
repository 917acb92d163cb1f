import { bootTestGuest, labCacheDir, type TestGuest } from "@casemate/lab";
import { diskModules } from "../test/truth/disk-modules.ts";

const PROCESSES = 150;
const MODULES = 60;

/** Modules that need no device, so that there are as many as a server has. */
const moreModules = [
  ..."nf_conntrack nf_nat nft_ct nft_masq nft_chain_nat nft_log nft_limit nft_reject_inet nft_compat".split(
    " ",
  ),
  ..."xt_conntrack xt_comment xt_mark xt_multiport xt_addrtype ip_tables iptable_filter".split(" "),
  ..."ip6_tables ip6table_filter macvlan ipvlan vxlan tun tap bonding 8021q ip_set wireguard".split(
    " ",
  ),
  ..."dm_mod dm_crypt raid1 fuse isofs squashfs nfs cifs vfat xfs btrfs configfs nbd".split(" "),
];
const PREPARE = `
for m in ${[...diskModules, ...moreModules].join(" ")}; do
  [ $(lsmod | wc -l) -gt ${MODULES} ] && break; modprobe $m 2>/dev/null
done
i=$(ls -d /proc/[0-9]* | wc -l); while [ $i -lt ${PROCESSES + 3} ]; do sleep 100000 & i=$((i+1)); done
echo $(ls -d /proc/[0-9]* | wc -l) processes, $(lsmod | wc -l) modules`;

/** A guest of 150 processes and 60 modules; `size` says how many it has become. */
export async function bootSweepGuest(
  memoryMiB: number,
): Promise<{ readonly guest: TestGuest; readonly size: string }> {
  const guest = await bootTestGuest({
    cacheDir: labCacheDir,
    role: "build",
    memoryMiB,
    diskModules: [...diskModules, ...moreModules],
  });
  try {
    const said = (await guest.console.output(PREPARE)).trim();
    return { guest, size: said.slice(said.lastIndexOf("\n") + 1) };
  } catch (thrown) {
    await guest[Symbol.asyncDispose]();
    throw thrown;
  }
}
