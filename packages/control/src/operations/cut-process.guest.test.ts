import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { attachHost, cutEvents, type HostAgent } from "@casemate/agent";
import { findQemuProcess } from "@casemate/host";
import { findTask } from "@casemate/inspect";
import { GuestEditor } from "@casemate/inspect/test/guest-editor";
import { unlistProcess } from "@casemate/inspect/test/unlist-process";
import { far, guest, guest6, NetworkedGuest } from "../../test/networked-guest.fixture.ts";
import type { TestHost } from "../../test/test-host.fixture.ts";
import { cutProcess } from "./cut-process.ts";
import { isolateVm } from "./isolate-vm.ts";
import { labelVm } from "./label-vm.ts";
import { rejoinProcess } from "./rejoin-process.ts";
import { releaseVm } from "./release-vm.ts";
import { startVm } from "./start-vm.ts";

const signal = AbortSignal.timeout(300_000);

let networked: NetworkedGuest;
let host: TestHost;
let uuid: string;
/** How often each sender was heard of, by its name. */
const heard = new Map<string, number>();

/**
 * A program with a port, a connection and a datagram socket, which says its name by both over and over; told
 * to, it has a child, or a child's child that outlives it, open others.
 */
const talker = `
  use strict; use IO::Socket::INET; use IO::Select;
  my ($port) = @ARGV;
  $SIG{CHLD} = "IGNORE"; $SIG{PIPE} = "IGNORE";
  my $server = IO::Socket::INET->new(Listen => 5, LocalPort => $port, ReuseAddr => 1) or die;
  sub talk {
    my ($name, $server) = @_;
    my $tcp = IO::Socket::INET->new(PeerAddr => "${far}", PeerPort => 9001, Timeout => 20);
    my $udp = IO::Socket::INET->new(PeerAddr => "${far}", PeerPort => 9001, Proto => "udp");
    my $select = IO::Select->new($server ? $server : ());
    for (;;) {
      syswrite $tcp, "tcp-$name\\n" if $tcp;
      $udp->send("udp-$name\\n");
      my @ready = $select->can_read(0.2);
      if (@ready) { my $client = $server->accept; syswrite $client, "welcome\\n"; close $client; }
      select undef, undef, undef, 0.2 unless $server;
      next unless $server && open my $order, "<", "/run/$port.order";
      my $kind = <$order>; chomp $kind; unlink "/run/$port.order";
      next if fork;
      exit if $kind eq "orphan" && fork;
      close $server; talk("$kind-$port");
    }
  }
  talk($port, $server);`;

before(async () => {
  networked = await NetworkedGuest.start(signal);
  ({ host } = networked);
  ({ uuid } = networked.lab);
  const { stdout } = networked.startInNetwork(`
    const say = (text) => process.stdout.write(text);
    require("node:net").createServer((socket) => socket.on("data", say).on("error", () => {})).listen(9001);
    const datagrams = require("node:dgram").createSocket("udp4").on("message", say);
    datagrams.bind(9001, () => say("ready\\n"));`);
  let rest = "";
  stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) heard.set(line, (heard.get(line) ?? 0) + 1);
  });
  await hear("ready");
  await networked.lab.run(`cat >/run/talker.pl <<'END'\n${talker}\nEND\n`, signal);
  // Nobody cuts these off.
  await startTalker(7002);
  await startTalker(7004);
});
after(async () => await networked?.[Symbol.asyncDispose]());

/** Waits until a sender was heard of `more` often from now on. */
async function hear(name: string, more = 1): Promise<void> {
  const enough = (heard.get(name) ?? 0) + more;
  while ((heard.get(name) ?? 0) < enough) {
    signal.throwIfAborted();
    await sleep(20);
  }
}

/** Whether nothing comes of a sender while another is heard of. */
async function isSilent(name: string, other: string): Promise<boolean> {
  await hear(other, 2); // what was under way has come
  const before = heard.get(name);
  await hear(other, 4);
  return heard.get(name) === before;
}

async function startTalker(port: number): Promise<number> {
  const said = await networked.lab.run(
    `(setsid perl /run/talker.pl ${port} >/dev/null 2>&1 & echo $!)`,
    signal,
  );
  await hear(`tcp-${port}`);
  return Number(said);
}

const order = (port: number, kind: "child" | "orphan") =>
  networked.lab.run(`echo ${kind} >/run/${port}.order`, signal);

/** Which process it is whose end is told next. */
function nextEnd(agent: HostAgent): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const listening = agent.subscribe(({ what, detail }) => {
    if (what === cutEvents.ended) resolve(detail);
  });
  return promise.finally(() => listening[Symbol.dispose]());
}

/** One talker is cut off and another is not. */
async function verifyCut(cut: number, other: number): Promise<void> {
  for (const kind of ["tcp", "udp"]) {
    assert.equal(await isSilent(`${kind}-${cut}`, `${kind}-${other}`), true, kind);
  }
  const ports = [cut, other];
  const reached = await Promise.all(ports.map((port) => networked.reaches(guest, port)));
  assert.deepEqual(reached, [false, true]);
}

test("cutProcess: one process and what it starts neither sends nor hears, and others do both", async () => {
  const pid = await startTalker(7001);
  const cut = { vm: "web01", parameters: { pid } };
  const plan = await host.carryOut(cutProcess, cut);
  assert.match(plan.steps[0] ?? "", new RegExp(`^Process ${pid} is perl, of user 0`));
  assert.match(plan.steps.join(" "), /Let pass at vnet\d+ \(52:54.* Close TCP port 7001, UDP port/);
  await verifyCut(7001, 7002);
  for (const port of [22, 80]) assert.equal(await networked.reaches(guest6, port), true);

  for (const kind of ["child", "orphan"] as const) await order(7001, kind);
  await order(7002, "child");
  for (const kind of ["tcp", "udp"]) await hear(`${kind}-child-7002`);
  for (const kind of ["child", "orphan"]) {
    assert.deepEqual(
      [heard.get(`tcp-${kind}-7001`), heard.get(`udp-${kind}-7001`)],
      [undefined, undefined],
    );
  }
  assert.match(await host.refusal(cutProcess, cut), /it is cut off/);
  const { labels } = await host.agent.hypervisor.domains.find(uuid);
  assert.match(labels.join(), new RegExp(`^casemate:cut:${pid}:[\\d.]+:[\\d.]+$`));
  const taken = { vm: "web01", parameters: { remove: [...labels] } };
  assert.match(await host.refusal(labelVm, taken), /says that a process is cut off/);

  // Isolation wins while it is there, and leaves the cut where it was.
  await host.carryOut(isolateVm, { vm: "web01" });
  assert.equal(await networked.reaches(guest, 7002), false);
  await host.carryOut(releaseVm, { vm: "web01" });
  await verifyCut(7001, 7002);

  const rejoin = await host.carryOut(rejoinProcess, cut);
  assert.deepEqual(await host.settle(rejoinProcess, rejoin), { outcome: "done" });
  for (const kind of ["tcp", "udp"]) await hear(`${kind}-7001`);
  assert.equal(await networked.reaches(guest, 7001), true);
  assert.deepEqual((await host.agent.hypervisor.domains.find(uuid)).labels, []);
  assert.match(await host.refusal(rejoinProcess, cut), /it is not cut off/);
});

test("cutProcess: what is cut off stays so when Casemate is killed, and is followed again", async () => {
  const pid = await startTalker(7003);
  const { started } = await host.agent.processes.find(uuid, { pid });
  const program = fileURLToPath(new URL("../../test/cut-holder.fixture.ts", import.meta.url));
  const args = [program, host.daemon.uri, uuid, `${pid}`, started];
  const holder = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  await once(holder.stdout, "data");
  holder.kill("SIGKILL");
  await verifyCut(7003, 7002);

  await using again = await attachHost({ uri: host.daemon.uri });
  await order(7004, "child"); // what it opens is known once somebody looks again
  await hear("tcp-child-7004");
  assert.equal(await isSilent("tcp-7003", "tcp-7004"), true);

  const ended = nextEnd(again);
  await networked.lab.run(`kill -9 ${pid}`, signal);
  assert.equal(await ended, `${pid}@${started}`);
  await again.cuts.rejoin(uuid, { pid, started });
  assert.equal((await again.cuts.read(uuid)).rules, false);
});

test("cutProcess: a hidden process is known by its open files, and cut off as others are", async () => {
  const pid = await startTalker(7005);
  const monitor = {
    hmp: (line: string) => host.libvirt.hmp(uuid, line),
    qmp: (command: { readonly execute: string }) => host.libvirt.qmp(uuid, command),
  };
  const output = (command: string) => networked.lab.run(command, signal);
  await using editor = await GuestEditor.open({
    ...{ pid: findQemuProcess(uuid), monitor, console: { output } },
  });
  const task = editor.look(({ kernel }) => findTask(kernel, pid));
  await using _hidden = await editor.edit(() => unlistProcess(editor, { task, pid }, "tasks"));
  const plan = await host.carryOut(cutProcess, { vm: "web01", parameters: { pid } });
  assert.match(
    plan.steps.join(" "),
    /It is hidden: not in the list of tasks\. .*Close TCP port 7005/,
  );
  await verifyCut(7005, 7002);
  await host.carryOut(rejoinProcess, { vm: "web01", parameters: { pid } });
  await hear("udp-7005");
});

test("cutProcess: what cannot be cut off is refused in words", async () => {
  const refuse = (pid: number) => host.refusal(cutProcess, { vm: "web01", parameters: { pid } });
  assert.match(await refuse(1), /the guest's first process/);
  assert.match(await refuse(2), /a thread of the kernel/);
  const apart = "(setsid unshare -n sleep 1000 >/dev/null 2>&1 & echo $!); sleep 1";
  const pid = Number(await networked.lab.run(apart, signal));
  assert.match(await refuse(pid), /a network namespace of its own/);
});

test("cutProcess: a guest whose memory comes back has it cut off from the start, and one that boots has ended it", async () => {
  const pid = await startTalker(7006);
  await host.carryOut(cutProcess, { vm: "web01", parameters: { pid } });
  const { started } = await host.agent.processes.find(uuid, { pid });
  await host.libvirt.managedSave(uuid);
  await host.carryOut(startVm, { vm: "web01" });
  const { interfaces } = await host.agent.cuts.read(uuid);
  assert.deepEqual(
    interfaces.map(({ cut }) => cut),
    [true],
  );
  for (const kind of ["tcp", "udp"]) {
    assert.equal(await isSilent(`${kind}-7006`, `${kind}-7002`), true, kind);
  }

  await host.libvirt.destroy(uuid);
  const ended = nextEnd(host.agent);
  await host.carryOut(startVm, { vm: "web01" });
  assert.equal(await ended, `${pid}@${started}`);
});
