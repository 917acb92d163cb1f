import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";

const casemate = resolve(import.meta.dirname, "../../../casemate");

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real command, as a person would. */
function run(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return runCommand(casemate, args, environment);
}

const asNobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];

function runAsNobody(args: readonly string[]): Promise<Ended> {
  return runCommand("setpriv", [...asNobody, casemate, ...args], {});
}

async function runCommand(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<Ended> {
  const child = spawn(command, args, {
    env: { PATH: process.env["PATH"], HOME: "/nonexistent", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}

/** Two lines, the sentence and the next step, and nothing that looks like a stack trace. */
function assertTold(ended: Ended, code: number, sentence: RegExp): void {
  assert.match(ended.stderr, sentence);
  assert.match(ended.stderr, /^casemate: .+\n.+\n$/);
  assert.doesNotMatch(ended.stderr, /\n\s+at |node:internal|file:\/\//);
  assert.equal(ended.stdout, "");
  assert.equal(ended.code, code);
}

async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "casemate-cli-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("casemate: runs through a symbolic link and from any directory", async (t) => {
  const directory = await scratch(t);
  const link = join(directory, "link");
  await symlink(casemate, link);
  await symlink("link", join(directory, "again"));
  const { stdout } = await promisify(execFile)(join(directory, "again"), ["version"], { cwd: "/" });
  assert.match(stdout, /^casemate \d+\.\d+\.\d+ \(Node 24\./);
});

test("casemate: --help names every command, and each command has its own", async () => {
  const { code, stdout } = await run(["--help"]);
  assert.equal(code, 0);
  const names = [...stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map((match) => match[1] ?? "");
  assert.ok(names.length >= 6);
  for (const name of names) {
    const help = await run([name, "--help"]);
    assert.equal(help.code, 0, name);
    assert.match(help.stdout, new RegExp(`^Usage: casemate ${name}`));
  }
});

test("casemate: what no command takes is wrong usage", async () => {
  assertTold(await run(["nosuch"]), 64, /there is no such command/);
  assertTold(await run(["version", "--nosuch"]), 64, /unknown option '--nosuch'/);
  assertTold(await run(["version", "more"]), 64, /too many arguments/);
  assertTold(await run(["vm", "show"]), 64, /missing required argument 'vm'/);
  assertTold(await run(["completion", "csh"]), 64, /Allowed choices are bash, zsh, fish/);
  assertTold(await run(["version"], { CASEMATE_DATE: "x" }), 64, /CASEMATE_DATE/);
  assertTold(await run(["up", "--listen", "nonsense:x:y"]), 64, /nonsense:x:y/);
});

test("casemate help: says what --help of the named command says", async () => {
  for (const words of [[], ["inspect"], ["vm"], ["vm", "list"]]) {
    const [asked, own] = await Promise.all([run(["help", ...words]), run([...words, "--help"])]);
    assert.deepEqual([asked, asked.code], [own, 0]);
    assert.match(asked.stdout, /^Usage: casemate .*\n\n.+\n\n(Arguments|Options):\n/);
  }
  assertTold(await run(["help", "nosuch"]), 64, /there is no such command/);
});

test("casemate: a group says what is in it, and what is not", async () => {
  for (const group of ["vm", "advisories", "ledger"]) {
    const { code, stdout } = await run([group]);
    assert.deepEqual([code, stdout], [0, (await run([group, "--help"])).stdout]);
    const misspelt = await run([group, "lits"]);
    assertTold(misspelt, 64, /no such command, expected one of (list|checkpoint|import)/);
    assert.match(misspelt.stderr, new RegExp(`Run \`casemate ${group} --help\``));
  }
});

test("casemate scan: what is of VMs alone is refused with files, and not passed over", async () => {
  const files = ["scan", "--disk", casemate];
  assertTold(await run([...files, "--snapshot", "old"]), 64, /expected --disk FILE#SNAPSHOT/);
  for (const option of [["--all-states"], ["--running"], ["--request", "1"]]) {
    assertTold(await run([...files, ...option]), 64, /Cannot scan: /);
  }
  const comparison = [...files, "--baseline", "/nonexistent"];
  for (const option of [["--cache", "/"], ["--salt-file", "/x"], ["--every-file"], ["--all"]]) {
    assertTold(await run([...comparison, ...option]), 64, /Cannot scan: a (comparison|baseline) /);
  }
  assertTold(await run(["scan"]), 64, /expected a VM or --disk FILE/);
  assertTold(await run(["scan", "web01", "--paths", "/etc"]), 64, /a comparison is of disks/);
});

test("casemate: with --json an error is a document, with the same exit code", async () => {
  const { code, stdout, stderr } = await run(["version", "--json", "--nosuch"]);
  assert.equal(code, 64);
  assert.equal(stderr, "");
  const document = JSON.parse(stdout);
  assert.equal(document.apiVersion, "casemate/v1");
  assert.equal(document.kind, "Error");
  assert.equal(document.code, "usage");
});

test("casemate: CASEMATE_DEBUG=1 shows where an error comes from", async () => {
  const { stderr } = await run(["nosuch"], { CASEMATE_DEBUG: "1" });
  assert.match(stderr, /\n\s+at /);
});

test("casemate: a reader that stops reading ends it in silence", async () => {
  const script = '"$1" completion bash | true';
  const { stderr } = await promisify(execFile)("bash", ["-c", script, "bash", casemate]);
  assert.equal(stderr, "");
});

test("casemate completion: each shell accepts its script; bash completes from it", async (t) => {
  const directory = await scratch(t);
  const { stdout } = await run(["completion", "bash"]);
  await writeFile(join(directory, "casemate"), stdout);
  const complete = async (...words: string[]) => {
    const script = `. ./casemate; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _casemate; echo "\${COMPREPLY[*]}"`;
    const done = await promisify(execFile)("bash", ["-c", script, "bash", ...words], {
      cwd: directory,
    });
    return done.stdout.trim();
  };
  assert.equal(await complete("casemate", "ins"), "inspect");
  assert.equal(await complete("casemate", "vm", "sh"), "show");
  assert.equal(await complete("casemate", "vm", "list", "--con"), "--connect");
  assert.equal(await complete("casemate", "completion", "b"), "bash");
});

test("casemate vm list: without a control plane it says how to start one", async (t) => {
  const data = await scratch(t);
  assertTold(await run(["vm", "list", "--data", data]), 1, /client\.json is not there/);
});

test("casemate vm list: a control plane that ended is not reached", async (t) => {
  const data = await scratch(t);
  const client = { url: "https://127.0.0.1:1", token: "cm_x", certificate: "" };
  await writeFile(join(data, "client.json"), JSON.stringify(client));
  assertTold(await run(["vm", "list", "--data", data]), 1, /127\.0\.0\.1:1: ECONNREFUSED/);
});

test("casemate up: a port in use is told before anything is started, and nothing is left", async (t) => {
  const data = join(await scratch(t), "data");
  const holder = createServer().listen(0, "127.0.0.1");
  t.after(() => holder.close());
  await once(holder, "listening");
  const address = holder.address();
  assert.ok(typeof address === "object" && address !== null);
  const listen = `127.0.0.1:${address.port}`;
  assertTold(
    await run(["up", "--lab", "--data", data, "--listen", listen]),
    1,
    /another program does/,
  );
  assert.deepEqual((await readdir(data)).includes("client.json"), false);
});

test("casemate up: a data directory that cannot be made", async (t) => {
  const file = join(await scratch(t), "file");
  await writeFile(file, "");
  for (const data of [join(file, "data"), file, "/proc/casemate/data"]) {
    const ended = await run(["up", "--data", data, "--listen", "127.0.0.1:0"]);
    assertTold(ended, 1, /expected a directory this user may write/);
  }
});

const isRoot = process.getuid?.() === 0;
const needsRoot = { skip: isRoot ? false : "mounting and becoming another user need root" };

/** A file system of its own. */
async function mountDisk(t: TestContext, options: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "casemate-disk-"));
  await promisify(execFile)("mount", ["-t", "tmpfs", "-o", options, "tmpfs", path]);
  t.after(async () => {
    await promisify(execFile)("umount", [path]);
    await rm(path, { recursive: true });
  });
  return path;
}

test("casemate up: a full disk", needsRoot, async (t) => {
  const data = await mountDisk(t, "size=16k");
  const ended = await run(["up", "--data", data, "--listen", "127.0.0.1:0"]);
  assertTold(ended, 1, /no space is left on its file system\.\nFree space/);
});

test("casemate up: a disk that may only be read", needsRoot, async (t) => {
  const data = join(await mountDisk(t, "size=64k,ro"), "data");
  const ended = await run(["up", "--data", data, "--listen", "127.0.0.1:0"]);
  assertTold(ended, 1, /EROFS, expected a directory this user may write\.\nGive a directory/);
});

test("casemate up: a damaged database", async (t) => {
  const data = await scratch(t);
  await writeFile(join(data, "casemate.db"), Buffer.alloc(4096, "no database "));
  const ended = await run(["up", "--data", data, "--listen", "127.0.0.1:0"]);
  assertTold(ended, 1, /file is not a database/);
});

test("casemate: a user without rights is told which", needsRoot, async (t) => {
  const read = await runCommand("setpriv", [...asNobody, "test", "-r", casemate], {});
  if (read.code !== 0) {
    t.skip("other users may not read this checkout");
    return;
  }
  const directory = await scratch(t);
  await chmod(directory, 0o755);
  const dump = join(directory, "dump.raw");
  await writeFile(dump, Buffer.alloc(1 << 20), { mode: 0o600 });
  await writeFile(join(directory, "client.json"), "{}", { mode: 0o600 });
  assertTold(await runAsNobody(["inspect", "--memory", dump, "kernel"]), 1, /EACCES/);
  assertTold(await runAsNobody(["vm", "list", "--data", directory]), 1, /belongs to another user/);
  const data = join(directory, "data");
  assertTold(
    await runAsNobody(["up", "--data", data]),
    1,
    /EACCES, expected a directory this user/,
  );
});

test("casemate up: no libvirt at the other end", async (t) => {
  const data = await scratch(t);
  const ended = await run([
    ...["up", "--data", data, "--listen", "127.0.0.1:0"],
    ...["--connect", "qemu+unix:///system?socket=/nonexistent/socket"],
  ]);
  assertTold(ended, 1, /^casemate: Cannot connect to qemu\+unix/);
  assert.equal((await readdir(data)).includes("client.json"), false);
});

test("casemate up: attaches, serves until Ctrl-C, and ends with everything put away", async (t) => {
  const data = await scratch(t);
  const up = ["up", "--data", data, "--listen", "127.0.0.1:0", "--connect", "test:///default"];
  const child = spawn(casemate, up, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  let stdout = "";
  for await (const chunk of child.stdout) {
    stdout += chunk;
    if (stdout.includes("Ctrl-C")) break;
  }
  assert.match(
    stdout,
    /^Casemate is at https:\/\/127\.0\.0\.1:\d+\n {2}certificate {2}SHA-256 (..:){31}../,
  );
  assert.match(stdout, /^test {2}running /m);
  const listed = await run(["vm", "list", "--data", data]);
  assert.match(listed.stdout, /^test {2}running /m);
  const shown = await run(["vm", "show", "test", "--json", "--data", data]);
  assert.equal(JSON.parse(shown.stdout).name, "test");
  assertTold(
    await run(["vm", "show", "nosuch", "--data", data]),
    1,
    /Cannot find VM nosuch: 1 VMs/,
  );
  const look = await run(["inspect", "test", "processes", "--data", data]);
  assertTold(look, 3, /a VM of TEST, expected a VM of QEMU/);
  const second = await run([...up.slice(0, 5), "--connect", "test:///default"]);
  assertTold(second, 1, new RegExp(`process id ${child.pid} works in it`));
  child.kill("SIGINT");
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
  assert.equal((await readdir(data)).includes("client.json"), false);
});

test("casemate inspect --memory: files that hold no guest", async (t) => {
  const directory = await scratch(t);
  const zeros = join(directory, "zeros.raw");
  await writeFile(zeros, "");
  assertTold(await run(["inspect", "--memory", zeros, "processes"]), 1, /it is empty/);
  await truncate(zeros, 16 << 20);
  assertTold(await run(["inspect", "--memory", zeros, "processes"]), 3, /zeros\.raw/);
  await truncate(zeros, (16 << 20) - 1);
  assertTold(await run(["inspect", "--memory", zeros, "processes"]), 3, /expected a whole dump/);
  const missing = join(directory, "missing");
  assertTold(await run(["inspect", "--memory", missing, "processes"]), 1, /ENOENT/);
  assertTold(await run(["inspect", "--memory", directory, "processes"]), 1, /it is a directory/);
  const odd = `${directory}/\u001b]0;owned\u0007`;
  assertTold(await run(["inspect", "--memory", odd, "processes"]), 1, /\\u\{1b\}/);
});

test("casemate inspect: names exactly one thing to look into, and a view there is", async () => {
  assertTold(await run(["inspect", "processes"]), 64, /VM or --memory FILE/);
  assertTold(await run(["inspect", "web01", "processes", "--memory", "x"]), 64, /both/);
  assertTold(await run(["inspect", "web01", "nosuch"]), 64, /kernel/);
  assertTold(await run(["inspect", "web01", "kernel", "--budget", "x"]), 64, /budget/);
});
