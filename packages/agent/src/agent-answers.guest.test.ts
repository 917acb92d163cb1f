import assert from "node:assert/strict";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { milliseconds } from "@casemate/core";
import { LibvirtConnection } from "@casemate/host";
import { usualAllowances, type Verdict } from "@casemate/inspect";
import {
  type AgentDisk,
  labCacheDir,
  makeAgentDisk,
  PrivateLibvirt,
  type SmallGuest,
  startSmallGuest,
} from "@casemate/lab";
import { neededClasses } from "./guest-sweep.ts";
import type { HostAgent } from "./host-agent.ts";
import { attachHost } from "./local-host.ts";

const stack = new AsyncDisposableStack();
let disk: AgentDisk;
let libvirt: LibvirtConnection;
let host: HostAgent;
let guest: SmallGuest;

const agentPids = "$(pidof ld-linux-x86-64.so.2)";
const run = (command: string) => guest.console.output(command);

before(async () => {
  const scratch = await mkdtemp(join(tmpdir(), "casemate-agent-"));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  await chmod(scratch, 0o711);
  disk = await makeAgentDisk(scratch);
  const daemon = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir, givesFiles: true }),
  );
  const { uri } = daemon;
  libvirt = stack.use(await LibvirtConnection.open(uri));
  guest = stack.use(
    await startSmallGuest(daemon, libvirt, { name: "web01", devices: disk.devices }),
  );
  host = stack.use(await attachHost({ uri }));
  await disk.start(guest.console);
  await untilItAnswers();
});

after(async () => await stack.disposeAsync());

async function untilItAnswers(): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  const ping = () => libvirt.agentCommand(guest.uuid, { execute: "guest-ping" }, 5);
  while ((await ping().catch(() => "")) === "") await sleep(100, undefined, { signal });
}

async function sweep(budget = 2_000, detector = "agent-answers"): Promise<Verdict> {
  const detectors = [detector];
  const { verdicts } = await host.sweep(guest.uuid, {
    detectors,
    classes: neededClasses(detectors),
    allowances: usualAllowances,
    withDisks: false,
    withAgent: true,
    budget: milliseconds(budget),
  });
  const [verdict] = verdicts;
  assert.ok(verdict !== undefined);
  return verdict;
}

/** What the agent is then said to lie about. */
async function lies(): Promise<readonly string[]> {
  return (await sweep()).suspicions.map(({ key }) => key).toSorted();
}

/** Shows the guest's programs `content` where the file at `path` is. */
async function shadow(path: string, content: string): Promise<AsyncDisposable> {
  const copy = `/run/shadow${path.replaceAll("/", "-")}`;
  await run(`${content} >${copy}; chmod 755 ${copy}; mount -o bind ${copy} ${path}`);
  return { [Symbol.asyncDispose]: async () => void (await run(`umount ${path}`)) };
}

test("agent-answers: an agent that says what memory has is clean", async () => {
  const { verdict, missed, suspicions, coverage } = await sweep();
  assert.deepEqual([suspicions, missed, verdict], [[], [], "clean"]);
  assert.ok(coverage.looked > 50);
});

test("agent-answers: what comes and goes while the agent is asked is no lie", async () => {
  const driver = "$(find /lib/modules -name 'virtio-rng.ko*')";
  const turn = `/bin/true; rmmod virtio_rng; nc -l -p 99 -w 1 </dev/null; insmod ${driver}`;
  await run(`(until [ -e /run/rest ]; do ${turn}; done; touch /run/rested) >/dev/null 2>&1 &`);
  for (let times = 0; times < 2; times += 1) assert.deepEqual(await lies(), []);
  await run("touch /run/rest; until [ -e /run/rested ]; do sleep 0.1; done");
});

test("agent-answers: finds modules that are hidden, invented and misplaced", async () => {
  const content = `(sed -e /^virtio_rng/d -e '/^failover/s/0x.*/0xffffffffc0ffe000/' /proc/modules; echo 'decoy 4096 0 - Live 0xffffffffc0fff000')`;
  await using _shadow = await shadow("/proc/modules", content);
  const found = await lies();
  assert.equal(found.length, 3, found.join("\n"));
  assert.match(found[0] ?? "", /^agent contradicts module failover at 0x[0-9a-f]+$/);
  assert.match(found[1] ?? "", /^agent hides module virtio_rng at 0x[0-9a-f]+$/);
  assert.equal(found[2], "agent invents module decoy");
});

test("agent-answers: finds sockets that are hidden, and such that are not there", async () => {
  await run("(nc -l -p 4444 </dev/null >/dev/null 2>&1 &) ; sleep 0.5");
  const line =
    "   7: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 424242 1 0 100 0 0 10 0";
  await run(`mkdir -p /run/net
    for table in tcp tcp6 udp udp6; do sed /:115C/d /proc/1/net/$table >/run/net/$table; done
    echo '${line}' >>/run/net/tcp
    mount -o bind /run/net /proc/1/net`);
  const found = await lies();
  assert.equal(found.length, 2, found.join("\n"));
  assert.match(found[0] ?? "", /^agent hides tcp socket \[::\]:4444 at 0x/);
  assert.equal(found[1], "agent invents tcp socket 424242");
  await run("umount /proc/1/net");
});

test("agent-answers: finds a process that /proc has not, one that ls leaves out, and one that it makes up", async () => {
  const start = async () => Number(await run("(sleep 100000 >/dev/null 2>&1 & echo $!)"));
  const [gone, unlisted] = [await start(), await start()];
  await run(`mkdir -p /run/empty; mount -o bind /run/empty /proc/${gone}`);
  {
    await run(`mv /bin/ls /bin/real-ls
      printf '#!/bin/sh\nbusybox ls -1 /proc | grep -v "^${unlisted}$"; echo 4000000\n' >/bin/ls
      chmod 755 /bin/ls`);
    const { suspicions } = await sweep();
    const found = suspicions.map(({ key }) => key.replace(/ started at [\d.]+$/, "")).toSorted();
    assert.deepEqual(found, [
      `agent hides process ${gone}`,
      `agent hides process ${unlisted}`,
      "agent invents process 4000000",
    ]);
    const [first] = suspicions.filter(({ key }) => key.includes(` ${unlisted} `));
    const rows = first?.evidence.map(({ what, seen }) => `${what}: ${seen}`);
    assert.deepEqual(rows, [
      "memory: has it",
      "the agent, by its list of /proc: says that there is none",
      `the agent, by /proc/${unlisted}/stat: names it`,
    ]);
  }
  await run(`mv /bin/real-ls /bin/ls; umount /proc/${gone}; kill ${gone} ${unlisted}`);
});

test("agent-files: finds a file that the agent reads otherwise than others do", async () => {
  const honest = await sweep(2_000, "agent-files");
  assert.deepEqual([honest.suspicions, honest.missed, honest.verdict], [[], [], "clean"]);
  assert.ok(honest.coverage.looked > 1);
  await run(`kill -9 ${agentPids}; echo 'root::0:0::/:/bin/sh' >/run/lie`);
  await disk.start(guest.console, "mount -o bind /run/lie /etc/passwd");
  await untilItAnswers();
  const { suspicions } = await sweep(2_000, "agent-files");
  assert.deepEqual(
    suspicions.map(({ title }) => title),
    ["File /etc/passwd is not as the guest agent says"],
  );
  const said = suspicions[0]?.evidence.map(({ what, seen = "" }) => `${what}: ${seen}`) ?? [];
  assert.match(said.join("\n"), /^memory: .*contents SHA-256 [0-9a-f]{64}/);
  assert.ok(said.includes("the agent, by /etc/passwd: size 21"));
  assert.ok(said.includes("the disk: cannot be read"));
});

test("agent-answers: an agent that says nothing is not clean, and holds nobody up", async () => {
  await run(`kill -STOP ${agentPids}`);
  const { verdict, missed } = await sweep(1_000);
  assert.equal(verdict, "inconclusive");
  assert.match(missed[0]?.reason ?? "", /Guest agent is not responding|The agent took more than/);
  await run(`kill -9 ${agentPids}`);
  const gone = await sweep();
  assert.match(gone.missed[0]?.reason ?? "", /agent is not connected/);
});

/** Speaks as an agent does, and answers questions with nonsense. */
const babbler = `
  exec 3<>/dev/vport0p1
  while sleep 0.1; do # there is nothing to read until the host listens
    while read -r line <&3; do
      id=\${line##*:}
      case $line in
        *guest-sync*) printf '{"return":%s\\n' "$id" | sed 's/}}$/}/' >&3 ;;
        *guest-file-open*) echo '{"return":7}' >&3 ;;
        *guest-file-read*) echo '{"return":{"count":3,"buf-b64":"!!","eof":true}}' >&3 ;;
        *guest-exec-status*) echo '{"return":{"exited":false}}' >&3 ;;
        *guest-exec*) echo '{"return":{"pid":1}}' >&3 ;;
        *) echo '{"return":[{"name":{"__proto__":[]}}]}' >&3 ;;
      esac
    done
  done`;

test("agent-answers: nonsense, and a program that never ends, are not clean within the budget", async () => {
  await run(
    `kill -9 ${agentPids} 2>/dev/null; cat >/run/babbler <<'END'\n${babbler}\nEND\n(setsid sh -c "until sh /run/babbler; do sleep 0.2; done" >/dev/null 2>&1 &)`,
  );
  await untilItAnswers();
  const { verdict, missed, suspicions } = await sweep(500);
  assert.deepEqual([suspicions, verdict], [[], "inconclusive"]);
  const reasons = missed.map(({ reason }) => reason).join("\n");
  assert.match(reasons, /Cannot take what the guest agent answered/);
  assert.match(reasons, /The agent took more than 5000 ms/);
});
