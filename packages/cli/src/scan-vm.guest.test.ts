import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureImage, GuestConsole, type LabImage, labCacheDir } from "@casemate/lab";
import { ControlPlane, casemate, type Ended } from "../test/control-plane.fixture.ts";
import {
  type LeakyTemplate,
  makeLeakyTemplate,
  signature,
  startGuest,
} from "../test/leaky-guests.fixture.ts";

const stack = new AsyncDisposableStack();
let control: ControlPlane;
let guest: GuestConsole;
let uuid: string;
let image: LabImage;
/** What web01's disk is a layer above, and those of the others. */
let template: LeakyTemplate;

// biome-ignore lint/suspicious/noExplicitAny: documents are walked into as they are
type Json = any;

/** A command's end, and the document that it printed. */
type Answered = Ended & { readonly document: Json };

/** A command of the person who runs the control plane. */
async function run(...words: readonly string[]): Promise<Answered> {
  const ended = await control.as("root", words);
  return { ...ended, document: ended.stdout.startsWith("{") ? JSON.parse(ended.stdout) : {} };
}

/** A scan with time enough on a machine that does much else. */
const scan = (...words: readonly string[]): Promise<Answered> =>
  run("scan", ...words, "--budget", "600000");

before(async () => {
  control = stack.use(await ControlPlane.open());
  image = await ensureImage({ cacheDir: labCacheDir });
  template = await makeLeakyTemplate(control, image);
  const web01 = await startGuest(control, image, template, { name: "web01", role: "build" });
  ({ uuid } = web01);
  await control.start();
  guest = stack.use(await GuestConsole.open(web01.console));
  await guest.waitUntilReady();
  await guest.output("until [ -e /run/lab-ready ]; do sleep 0.2; done");
});
after(() => stack.disposeAsync());

/** A feed that says of the guest's own tzdata that all before `fixed` has a hole. */
const feed = (name: string, fixed: string) =>
  JSON.stringify({
    schema_version: "1.6.0",
    id: "TEST-2024-1",
    aliases: ["CVE-2024-99001"],
    modified: "2024-03-02T00:00:00Z",
    published: "2024-03-01T00:00:00Z",
    affected: [
      {
        package: { ecosystem: "Debian:12", name },
        ranges: [{ type: "ECOSYSTEM", events: [{ introduced: "0" }, { fixed }] }],
      },
    ],
  });

test("casemate scan VM: what the guest's own tools say, of its snapshots too, and which updates are missing", async () => {
  const old = "0.0.1-1";
  const current = (await guest.output(`dpkg-query -W -f '\${Version}' gzip`)).trim();
  const snapshot = await run("vm", "snapshot", "web01", "before");
  assert.equal(snapshot.code, 0, snapshot.stdout + snapshot.stderr);
  // Somebody brings back an old package, and adds a user.
  await guest.output(
    `sed -i '/^Package: gzip$/,/^$/s/^Version: .*/Version: ${old}/' /var/lib/dpkg/status`,
  );
  await guest.output("echo 'eve:x:4711:4711::/home/eve:/bin/sh' >> /etc/passwd; sync");

  const only = ["--only", "packages", "users"];
  const scanned = await scan("web01", ...only, "--format", "json");
  assert.equal(scanned.stderr, "");
  assert.equal(scanned.code, 0);
  const { found, state, os } = scanned.document;
  assert.equal(state.kind, "running");
  assert.equal(state.consistency, "consistent");
  assert.equal(os.id, "debian");
  const packages = await guest.output(
    `dpkg-query -W -f '\${Package} \${Version} \${Architecture}\\n'`,
  );
  const debs = found.packages.filter(({ type }: { type: string }) => type === "deb");
  assert.deepEqual(
    debs
      .map((each: Record<string, string>) => `${each.name} ${each.version} ${each.architecture}`)
      .sort(),
    packages.trim().split(/\r?\n/).sort(),
  );
  assert.ok(packages.includes(`gzip ${old} `));
  const users = (await guest.output("getent passwd")).trim().split(/\r?\n/);
  assert.deepEqual(
    found.users
      .map(({ name, uid, gid, home, shell }: Record<string, string>) =>
        [name, uid, gid, home, shell].join(":"),
      )
      .sort(),
    users
      .map((line) => line.split(":"))
      .map(([name, , uid, gid, , home, shell]) => [name, uid, gid, home, shell].join(":"))
      .sort(),
  );

  const all = await scan("web01", "--all-states", "--only", "packages", "--json");
  assert.equal(all.stderr, "");
  const { items } = all.document;
  const versionOf = (scan: Json) =>
    scan.found.packages.find(({ name }: { name: string }) => name === "gzip").version;
  assert.deepEqual(
    items.map((each: Json) => [each.state.kind, versionOf(each)]),
    [
      ["running", old],
      ["snapshot", current],
    ],
  );

  const none = await run("exposed");
  assert.equal(none.code, 3);
  assert.match(none.stderr, /there are no advisories/);
  const file = join(control.scratch, "debian.json");
  await writeFile(file, feed("gzip", current));
  const imported = await run("advisories", "import", file);
  assert.equal(imported.code, 0, imported.stderr);
  const exposed = await run("exposed", "--cve", "CVE-2024-99001", "--json");
  assert.equal(exposed.code, 2, exposed.stderr);
  const [finding, ...others] = exposed.document.items;
  assert.deepEqual(others, []);
  assert.equal(finding.vm.name, "web01");
  assert.equal(finding.installed, old);
  assert.equal(finding.fixed, current);
  assert.equal(finding.firstState, "current");
  assert.equal(finding.firstExposedOn, state.at);
  // The same without a disk: a newer feed makes a state of the past a finding, too.
  await writeFile(file, feed("gzip", "999"));
  await run("advisories", "import", file);
  const again = await run("exposed", "--json");
  const [late] = again.document.items;
  assert.equal(late.firstState, "snapshot before");

  const facts = await run("ledger", "facts", "--json");
  const looks = facts.stdout.match(/"vm\.scan"/g) ?? [];
  assert.ok(looks.length >= 3);
  assert.equal(await control.libvirt.backupXml(uuid), undefined);
});

/** A scan that another person has to approve, asked for, approved and carried out. */
async function scanApproved(...words: readonly string[]): Promise<Answered> {
  return await scan(...words, "--request", await approveScan(...words));
}

/** The id of the request for it, once it is approved. */
async function approveScan(...words: readonly string[]): Promise<string> {
  const asked = await scan(...words);
  assert.equal(asked.code, 4, asked.stderr);
  const said = asked.stdout + asked.stderr;
  const id = /request ([0-9a-f-]{36})/.exec(said)?.[1] ?? assert.fail(said);
  const approved = await control.as("sofia", ["requests", "approve", id]);
  assert.equal(approved.code, 0, approved.stderr);
  assert.ok(!approved.stdout.includes(signature));
  return id;
}

test("casemate scan: a leaked key, a test signature and a missing update, in three running guests, their snapshots and their template", async () => {
  await control.addPerson("sofia", "security-officer");
  // Two more that boot meanwhile: what they write is seen as it is at one moment.
  const db01 = await startGuest(control, image, template, { name: "db01", role: "db" });
  const build01 = await startGuest(control, image, template, { name: "build01", role: "build" });
  // web01 leaks one of its own, after its snapshot was made.
  await guest.output("ssh-keygen -q -t ed25519 -N '' -f /home/ci/id && sync");
  const prints = await guest.output("ssh-keygen -lf /root/deploy; ssh-keygen -lf /home/ci/id");
  const [deployed = "", own = ""] = prints.split(/\r?\n/).map((line) => line.split(" ")[1]);
  const rules = join(control.scratch, "rules");
  await mkdir(rules);
  const rule = `rule test_signature { strings: $a = "${signature}" condition: $a }`;
  await writeFile(join(rules, "test.yar"), rule);
  const quick = ["--only", "packages", "secrets", "--json"];
  const wanted = ["--rules", rules, "--only", "packages", "secrets", "malware", "--json"];

  const keysOf = ({ document: { found } }: Answered): readonly Json[] =>
    found.secrets.filter(
      ({ kind, severity }: Json) => kind === "private-key" && severity === "high",
    );
  const leaks = (ended: Answered) =>
    keysOf(ended)
      .map(({ path, protection, publicKey }) => [path, protection, publicKey.fingerprint])
      .sort();
  const hits = ({ document: { found } }: Answered) =>
    found.malware.map(({ path, rule: hit, namespace }: Json) => [path, hit, namespace]);
  const inherited = [["/root/deploy", "none", deployed]];
  const scanBoth = async (name: string, leaked: readonly Json[], past = quick) => {
    const now = await scanApproved(name, ...wanted);
    assert.equal(now.document.state.consistency, "consistent");
    assert.deepEqual(leaks(now), leaked);
    if (name !== "web01") await control.done("root", "vm", "snapshot", name, "before");
    const before = await scanApproved(name, "--snapshot", "before", ...past);
    assert.deepEqual(leaks(before), inherited);
    assert.deepEqual(
      [now, before].map(({ document: { subject, state } }) => [subject, state.kind]),
      [
        [name, "running"],
        [name, "snapshot"],
      ],
    );
    return [now, before];
  };
  const scans = (
    await Promise.all([
      scanBoth("web01", [["/home/ci/id", "none", own], ...inherited], wanted),
      scanBoth("db01", inherited),
      scanBoth("build01", inherited),
    ])
  ).flat();
  for (const ended of scans) {
    assert.equal(ended.stderr, "");
    assert.equal(ended.code, 2);
    const secret = template.leaked.split("\n")[1] ?? "";
    assert.ok(!ended.stdout.includes(secret), "the key itself is told");
  }
  const searched = scans.filter(({ document: { found } }) => found.malware !== undefined);
  assert.equal(searched.length, 4);
  for (const ended of searched) {
    assert.deepEqual(hits(ended), [["/usr/local/sample", "test_signature", "test"]]);
  }
  const golden = await scanApproved("golden", ...quick);
  assert.deepEqual(leaks(golden), inherited);
  // One secret has one fingerprint in all scans of an installation, those of files too.
  const salt = ["--salt-file", join(control.data, "scan-salt")];
  const disk = await scan("--disk", template.disk, ...wanted, ...salt, "--advisories");
  assert.equal(disk.code, 2, disk.stderr);
  assert.deepEqual(hits(disk), [["/usr/local/sample", "test_signature", "test"]]);
  const marks = [...scans, golden, disk].map((ended) =>
    keysOf(ended).find(({ path }) => path === "/root/deploy"),
  );
  assert.equal(new Set(marks.map(({ fingerprint }) => fingerprint)).size, 1);
  const { findings } = disk.document.vulnerabilities;
  assert.deepEqual(
    findings.map((each: Json) => [each.vulnerability, each.package]),
    [["CVE-2024-99001", "gzip"]],
  );
  const exposed = await run("exposed", "--json");
  const names = exposed.document.items.map(({ vm }: Json) => vm.name);
  assert.deepEqual(names.sort(), ["build01", "db01", "golden", "web01"]);
  const kept = spawnSync("grep", ["-rlaF", signature, control.data], { encoding: "utf8" });
  assert.equal(kept.stdout, "", "rules are recorded");
  for (const other of [db01, build01]) await control.libvirt.destroy(other.uuid);
});

test("casemate scan VM --follow: what happens to files, as it happens, until Ctrl-C", async () => {
  const words = ["web01", "--follow", "--json"];
  const request = await approveScan(...words);
  const child = spawn(casemate, ["scan", ...words, "--request", request, "--data", control.data], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const see = async (wanted: Json): Promise<Json> => {
    for (;;) {
      const { value, done } = await lines.next();
      assert.ok(done !== true, "it ended");
      const event = JSON.parse(value);
      assert.notEqual(event.what, "missed", value);
      if (Object.entries(wanted).every(([key, each]) => event[key] === each)) return event;
    }
  };
  const { kind, files } = await see({ what: "read" });
  assert.equal(kind, "FileEvent");
  assert.ok(files > 1_000);
  await guest.output("echo one > /root/new && chmod 4755 /root/new && sync");
  const { stat } = await see({ what: "created", path: "/root/new" });
  assert.deepEqual([stat.size, stat.mode], [4, 0o4755]);
  await guest.output("mv /root/new /root/moved && sync");
  await see({ what: "moved", path: "/root/moved", from: "/root/new" });
  const listed = await run("requests", "list", "--all", "--state", "running");
  assert.ok(listed.stdout.includes(request), listed.stdout);
  child.kill("SIGINT");
  const [code] = await once(child, "close");
  assert.equal(code, 0);
  // The look is over with its reader, and that is recorded.
  for (let shown = ""; !shown.includes("done"); await sleep(100)) {
    shown = (await run("requests", "show", request)).stdout;
  }
  const blocks = await control.libvirt.qmp(uuid, { execute: "query-block" });
  assert.ok(!JSON.stringify(blocks).includes("casemate-written"));
});

test("casemate scan VM --running: the installed kernel runs, and the server that listens is of its package", async () => {
  const release = (await guest.output("uname -r")).trim();
  const pid = Number(await guest.output("pgrep -o -x sshd"));
  const scanned = await scan("web01", "--running", "--only", "packages", "--json");
  assert.deepEqual(scanned.document.missed, []);
  assert.equal(scanned.stderr, "");
  assert.equal(scanned.code, 0);
  const { state, found } = scanned.document;
  const { kernelStates, outdatedPrograms, packageUses } = found;
  const [kernel, ...others] = kernelStates;
  assert.deepEqual(others, []);
  assert.deepEqual([kernel.release, kernel.reboot], [release, "not-needed"]);
  assert.deepEqual(outdatedPrograms, []);
  const server = packageUses.find((each: Json) => each.package === "openssh-server");
  assert.equal(server.state, "mapped");
  const [process] = server.processes;
  assert.equal(process.pid, pid);
  assert.ok(process.listening.some(({ port }: Json) => port === 22));

  // The hole is in what listens: that is stored with the state, and told with the finding.
  const file = join(control.scratch, "openssh.json");
  await writeFile(file, feed("openssh", "9:0"));
  await run("advisories", "import", file);
  const exposed = await run("exposed", "--json");
  const { items } = exposed.document;
  const finding = items.find((each: Json) => each.package === "openssh-server");
  assert.deepEqual(finding.use, { level: "listening", at: state.at });

  const table = await scan("web01", "--running", "--only", "kernels");
  assert.match(
    table.stdout,
    /\nthe kernel that runs: 1\n.*\n.* not-needed .*\n\npackages in memory: \d+ of/s,
  );
  const past = await scan("web01", "--running", "--snapshot", "before");
  assert.equal(past.code, 64);
  assert.match(past.stderr, /snapshots are of the past/);
  await control.libvirt.destroy(uuid);
  const off = await scan("web01", "--running");
  assert.notEqual(off.code, 0);
  assert.match(off.stderr, /Cannot hold the disks of web01 against its memory: it is shutoff/);
});
