import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { makeScratch, run, scanFiles } from "../system.fixture.ts";
import { authorizedKeys } from "./authorized-keys.ts";
import { certificates } from "./certificates.ts";
import { groups } from "./groups.ts";
import { identifiers } from "./identifiers.ts";
import { privilegedFiles } from "./privileged-files.ts";
import { sshHostKeys } from "./ssh-host-keys.ts";
import { users } from "./users.ts";

const KINDS = [
  ["rsa", "1031"],
  ["ecdsa", "256"],
  ["ecdsa", "384"],
  ["ecdsa", "521"],
  ["ed25519", "256"],
] as const;

test("sshHostKeys, authorizedKeys: bits and fingerprints as ssh-keygen -l prints them", () => {
  using scratch = makeScratch();
  const host: Record<string, { copy: string }> = {};
  const lines: string[] = ["# keys", ""];
  const said: string[] = [];
  for (const [type, bits] of KINDS) {
    const file = scratch.path(`${type}-${bits}`);
    // A passphrase hides the private key, not the public one that is read.
    run("ssh-keygen", "-q", "-t", type, "-b", bits, "-N", "secret", "-C", "who it is", "-f", file);
    host[`/etc/ssh/ssh_host_${type}_${bits}_key`] = { copy: file };
    lines.push(
      `${lines.length % 2 === 0 ? 'command="echo \\"a b\\"",no-pty ' : ""}${readFileSync(`${file}.pub`, "utf8").trim()}`,
    );
    said.push(run("ssh-keygen", "-lf", `${file}.pub`).split(" ").slice(0, 2).join(" "));
  }
  const shown = (rows: readonly { bits?: number; fingerprint: string }[]) =>
    rows.map(({ bits, fingerprint }) => `${bits} ${fingerprint}`).sort();
  const keys = scanFiles({ collector: sshHostKeys }, host);
  assert.deepEqual(keys.missed, []);
  assert.deepEqual(shown(keys.rows), said.sort());
  assert.ok(keys.rows.every(({ isPrivate }) => isPrivate));
  const { rows } = scanFiles(
    { collector: authorizedKeys },
    {
      "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\n",
      "/etc/ssh/sshd_config": "AuthorizedKeysFile /etc/ssh/keys/%u .ssh/authorized_keys\n",
      "/etc/ssh/keys/bob": lines.join("\n"),
      "/root/.ssh/authorized_keys": `${lines[2]}\nnot a key\n`,
    },
  );
  assert.deepEqual(shown(rows.filter(({ user }) => user === "bob")), said.sort());
  assert.deepEqual(
    rows
      .filter(({ user }) => user === "root")
      .map(({ path, line, comment, options }) => ({ path, line, comment, options })),
    [
      {
        path: "/root/.ssh/authorized_keys",
        line: 1,
        comment: "who it is",
        options: 'command="echo \\"a b\\"",no-pty',
      },
    ],
  );
});

test("sshHostKeys: private keys in PEM, too; under a passphrase by the public ones beside them", () => {
  using scratch = makeScratch();
  const make = (name: string, passphrase: string) => {
    const path = scratch.path(name);
    run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", passphrase, "-f", path);
    return run("ssh-keygen", "-lf", path).split(" ")[1];
  };
  const open = make("open", "");
  const locked = make("locked", "passphrase");
  const { rows, missed } = scanFiles(
    { collector: sshHostKeys },
    {
      "/etc/ssh/ssh_host_rsa_key": { copy: scratch.path("open") },
      "/etc/ssh/ssh_host_rsa_key.pub": { copy: scratch.path("open.pub") },
      "/etc/ssh/ssh_host_old_key": { copy: scratch.path("locked") },
      "/etc/ssh/ssh_host_old_key.pub": { copy: scratch.path("locked.pub") },
      "/etc/ssh/ssh_host_alone_key": { copy: scratch.path("locked") },
    },
  );
  assert.deepEqual(
    rows.map(({ path, fingerprint, isPrivate }) => [path, fingerprint, isPrivate]),
    [
      ["/etc/ssh/ssh_host_rsa_key", open, true],
      ["/etc/ssh/ssh_host_old_key.pub", locked, false],
    ],
  );
  assert.deepEqual(
    missed.map(({ what }) => what),
    ["/etc/ssh/ssh_host_alone_key"],
  );
});

test("certificates: what openssl x509 says of PEM, DER and bundles", () => {
  using scratch = makeScratch();
  const make = (name: string, ...args: readonly string[]) =>
    run(
      ...["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "7"],
      ...["-subj", `/O=Example Org/CN=${name}`, "-keyout", scratch.path(`${name}.key`)],
      ...["-out", scratch.path(`${name}.pem`), ...args],
    );
  make("one", "-addext", "subjectAltName=DNS:one.example,IP:192.0.2.1");
  make("two");
  run(
    "openssl",
    "x509",
    "-in",
    scratch.path("two.pem"),
    "-outform",
    "DER",
    "-out",
    scratch.path("two.der"),
  );
  const pem = (name: string) => readFileSync(scratch.path(`${name}.pem`), "latin1");
  const { rows, missed } = scanFiles(
    { visitor: certificates },
    {
      "/etc/ssl/site.pem": `some words\n${pem("one")}${pem("two")}`,
      "/srv/two.crt": readFileSync(scratch.path("two.der")),
      "/srv/broken.pem": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
      "/srv/key.pem": readFileSync(scratch.path("one.key")),
      "/usr/share/ca-certificates/mozilla/x.crt": pem("one"),
    },
  );
  const ask = (name: string) => {
    const format = [
      "-noout",
      "-fingerprint",
      "-sha256",
      "-enddate",
      "-serial",
      "-dateopt",
      "iso_8601",
    ];
    const text = run("openssl", "x509", "-in", scratch.path(`${name}.pem`), ...format);
    const value = (key: string) => new RegExp(`^${key}=(.*)$`, "im").exec(text)?.[1];
    return [
      value("sha256 Fingerprint"),
      value("notAfter")?.replace(" ", "T").replace("Z", ".000Z"),
      value("serial"),
    ];
  };
  assert.deepEqual(
    rows.map(({ path, sha256, notAfter, serial }) => [path, sha256, notAfter, serial]).sort(),
    [
      ["/etc/ssl/site.pem", ...ask("one")],
      ["/etc/ssl/site.pem", ...ask("two")],
      ["/srv/two.crt", ...ask("two")],
    ].sort(),
  );
  assert.equal(
    rows.find(({ altNames }) => altNames !== undefined)?.altNames,
    "DNS:one.example, IP Address:192.0.2.1",
  );
  assert.equal(rows[0]?.subject, `O=Example Org, CN=${rows[0]?.subject.slice(-3)}`);
  assert.deepEqual(
    missed.map(({ what, code }) => [what, code]),
    [["/srv/broken.pem", "scan/damaged"]],
  );
});

test("users, groups: what passwd, shadow and group say, and never a hash", () => {
  const files = {
    "/etc/passwd":
      "root:x:0:0:root,,,:/root:/bin/bash\nold:aaDES56789012:5:5::/:\nopen::6:6::/:/bin/sh\n+nis::::::\nodd:x:no:1::/:\nnone:x:7:7::/:/bin/sh\nlocked:x:8:8::/:/bin/sh\n",
    "/etc/shadow":
      "root:$y$j9T$salt$hash:19700:0:99999:7::20000:\nlocked:!$6$salt$hash:0:0:99999:7:::\n",
    "/etc/group": "sudo:x:27:alice,bob\nempty:x:28:\n",
  };
  const { rows, missed } = scanFiles({ collector: users }, files);
  assert.deepEqual(missed, []);
  assert.deepEqual(
    rows.map(({ name, password, hash, passwordChanged, expires }) => [
      name,
      password,
      hash,
      passwordChanged,
      expires,
    ]),
    [
      ["root", "set", "yescrypt", "2023-12-09", "2024-10-04"],
      ["old", "set", "descrypt", undefined, undefined],
      ["open", "empty", undefined, undefined, undefined],
      ["none", "unknown", undefined, undefined, undefined],
      ["locked", "locked", "sha512crypt", "1970-01-01", undefined],
    ],
  );
  assert.ok(!JSON.stringify(rows).includes("salt"));
  assert.deepEqual(scanFiles({ collector: groups }, files).rows, [
    { name: "sudo", gid: 27, members: ["alice", "bob"] },
    { name: "empty", gid: 28, members: [] },
  ]);
});

test("identifiers: machine-id and its like; an uninitialized one is none", () => {
  const { rows } = scanFiles(
    { collector: identifiers },
    {
      "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
      "/var/lib/dbus/machine-id": "uninitialized\n",
      "/etc/hostname": "# who\nweb01\n",
    },
  );
  assert.deepEqual(
    rows.map(({ kind, value }) => [kind, value]),
    [
      ["machine-id", "0123456789abcdef0123456789abcdef"],
      ["hostname", "web01"],
    ],
  );
});

test("privilegedFiles: set-user-ID and set-group-ID files, whatever else their mode has", () => {
  const made = { "/a": 0o4755, "/b/c": 0o2755, "/b/d": 0o6711, "/b/e": 0o755, "/b/f": 0o2644 };
  const files = Object.fromEntries(
    Object.entries(made).map(([path, mode]) => [path, { mode, contents: "x" }]),
  );
  const { rows } = scanFiles({ visitor: privilegedFiles }, files);
  assert.deepEqual(
    rows.map(({ path, mode, setuid, setgid }) => [path, mode, setuid, setgid]).sort(),
    [
      ["/a", "4755", true, false],
      ["/b/c", "2755", false, true],
      ["/b/d", "6711", true, true],
      ["/b/f", "2644", false, true],
    ],
  );
});
