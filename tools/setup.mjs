/**
 * Makes a checkout ready to run: Debian's packages, the pinned Node and the npm packages.
 *
 * Plain JavaScript without dependencies, because it runs before anything is installed, on any Node from 20.
 * Every step looks first whether it is needed, so it can be interrupted and repeated.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemPackages, testPackages } from "./system-packages.mjs";
import { confirm, ProgressLine } from "./terminal.mjs";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const node24 = join(root, "node_modules/.bin/node");

/** A set-up step failed for a reason the user can act on: a sentence and the next step. */
export class SetupError extends Error {}

const isRoot = process.getuid?.() === 0;
const aptEnvironment = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };

/**
 * @param {{ readonly tests?: boolean }} [purpose] whether what only the tests use is wanted, too
 * @returns {Promise<void>}
 */
export async function setUp({ tests = false } = {}) {
  checkNode();
  const wanted = { ...systemPackages, ...(tests ? testPackages : {}) };
  await installSystemPackages(Object.keys(wanted));
  await installNodePackages();
}

function checkNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) {
    throw new SetupError(
      `Cannot use Node ${process.versions.node}: expected 20 or newer.\n  next: Install a newer Node; Casemate brings its own Node 24 for the rest.`,
    );
  }
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new SetupError(
      `Cannot run on ${process.platform}/${process.arch}: expected Linux on x86-64, where KVM/QEMU hosts are.\n  next: Use a Debian 12 or 13 machine.`,
    );
  }
}

/**
 * @param {readonly string[]} names
 * @returns {string[]} those that are not installed
 */
function missingPackages(names) {
  const query = spawnSync(
    "dpkg-query",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own format, not a template.
    ["-W", "-f", "${Package} ${db:Status-Status}\n", ...names],
    {
      encoding: "utf8",
    },
  );
  if (query.error) {
    throw new SetupError(
      "Cannot ask dpkg for installed packages: there is no dpkg-query, expected a Debian system.\n  next: Use Debian 12 or 13, or install these yourself: " +
        names.join(" "),
    );
  }
  const installed = new Set(
    query.stdout
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return names.filter((name) => !installed.has(name));
}

/** @param {readonly string[]} names */
async function installSystemPackages(names) {
  const missing = missingPackages(names);
  if (missing.length === 0) return;
  const prefix = isRoot ? [] : ["sudo", "--"];
  const repair = [...prefix, "dpkg", "--configure", "-a"];
  const update = [...prefix, "apt-get", "update"];
  const install = [...prefix, "apt-get", "install", "--yes", "--no-install-recommends", ...missing];
  if (!isRoot) {
    const commands = [update, install].map((words) => `    ${words.join(" ")}`).join("\n");
    process.stderr.write(`Casemate needs these Debian packages: ${missing.join(", ")}.\n`);
    if (!(await confirm(`It would run:\n${commands}\nGo on?`))) {
      throw new SetupError(
        `Cannot install Debian packages: this user is not root and did not agree to sudo on a terminal.\n  next: Run these, then the same command again:\n${commands}`,
      );
    }
  }
  await runApt(repair, "Finishing interrupted package installations");
  await runApt(update, "Updating the package lists");
  await runApt(install, `Installing ${missing.length} Debian packages`);
  const still = missingPackages(names);
  if (still.length > 0) {
    throw new SetupError(
      `Cannot install ${still.join(", ")}: apt ended without them.\n  next: Run \`${install.join(" ")}\` and see what it says.`,
    );
  }
}

/**
 * Runs apt or dpkg with a progress line fed by apt's status descriptor (apt's README.progress-reporting).
 * @param {string[]} command
 * @param {string} title
 */
function runApt(command, title) {
  const line = new ProgressLine(title);
  // sudo closes descriptors above 2, so the status lines reach us only as root.
  const withStatus = isRoot
    ? command.flatMap((word) => (word === "apt-get" ? [word, "-o", "APT::Status-Fd=3"] : [word]))
    : command;
  const [program = "", ...args] = withStatus;
  return /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        env: aptEnvironment,
        stdio: ["inherit", "pipe", "pipe", "pipe"],
      });
      const printed = collect(child.stdout, child.stderr);
      child.stdio[3]?.on("data", (chunk) => {
        const status = String(chunk).trim().split("\n").at(-1)?.split(":") ?? [];
        const percent = Number(status[2]);
        line.update(Number.isFinite(percent) ? percent : undefined, status.slice(3).join(":"));
      });
      child.on("error", reject);
      child.on("close", (code, signal) => {
        if (code === 0) {
          line.end();
          resolve();
          return;
        }
        line.end("failed");
        const why = signal === null ? `it ended with status ${code}` : `it was ended by ${signal}`;
        reject(
          new SetupError(
            `Cannot run \`${command.join(" ")}\`: ${why}.\n${printed.tail()}\n  next: Mend what it names and run the same command again; it goes on where it stopped.`,
          ),
        );
      });
    })
  );
}

/** @param {(import("node:stream").Readable | null)[]} streams */
function collect(...streams) {
  let text = "";
  for (const stream of streams) {
    stream?.on("data", (chunk) => {
      text = (text + String(chunk)).slice(-20_000);
    });
  }
  return {
    tail: () =>
      text
        .trimEnd()
        .split("\n")
        .slice(-12)
        .map((line) => `    ${line}`)
        .join("\n"),
  };
}

async function installNodePackages() {
  const lock = readFileSync(join(root, "package-lock.json"));
  const wanted = createHash("sha256").update(lock).digest("hex");
  const marker = join(root, "node_modules/.casemate-lock");
  if (existsSync(marker) && existsSync(node24) && readFileSync(marker, "utf8") === wanted) return;
  const line = new ProgressLine("Installing npm packages and Node 24");
  await new Promise((resolve, reject) => {
    const child = spawn("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const printed = collect(child.stdout, child.stderr);
    const timer = setInterval(() => line.update(undefined, "…"), 1000);
    child.on("error", reject);
    child.on("close", (code) => {
      clearInterval(timer);
      if (code === 0) {
        resolve(undefined);
        return;
      }
      line.end("failed");
      reject(
        new SetupError(
          `Cannot install npm packages: \`npm ci\` ended with status ${code}.\n${printed.tail()}\n  next: Mend what it names and run the same command again.`,
        ),
      );
    });
  });
  writeFileSync(marker, wanted);
  line.end();
}
