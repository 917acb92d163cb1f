#!/usr/bin/env node
/**
 * Verifies a Casemate ledger, or a proof out of one, with nothing of Casemate: copy this file anywhere and run it
 * with Node 22 or newer. It was written from the specifications, not from the ledger's own code.
 *
 *     node casemate-verify.mjs LEDGER-DIRECTORY [--key VKEY]
 *     node casemate-verify.mjs PROOF.json       [--key VKEY]
 *
 * VKEY is the ledger's first verifier key, known from elsewhere. Without it the verifier can say that everything
 * fits together, not whose it is.
 *
 * Exit code: 0 everything is as it was written, 2 something is not, 3 nothing is wrong and whose it is was not
 * checked (no key), 1 it could not look, 64 wrong usage.
 *
 * Specifications: RFC 6962 and RFC 9162 (Merkle trees), RFC 8032 (Ed25519), RFC 8785 (canonical JSON), C2SP
 * signed-note, tlog-checkpoint, tlog-tiles, tlog-cosignature.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  verify as verifySignature,
} from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";

const WIDTH = 256;
const HASH = 32;
const MAX_PATH = 64;
const LOG_KEY = 1;
const WITNESS_KEY = 4;

/** What is not as it was written; `file` and `place` say where. */
class Damage extends Error {
  constructor(file, place, problem) {
    super(problem);
    this.file = file;
    this.place = place;
  }
}

// ---------------------------------------------------------------- RFC 6962, 2.1: the Merkle tree

const sha256 = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);
const hashLeaf = (entry) => sha256(LEAF, entry);
const hashNode = (left, right) => sha256(NODE, left, right);

/** MTH over leaf hashes `[start, end)`. */
function treeHash(hashes, start = 0, end = hashes.length) {
  if (end === start) return sha256();
  if (end - start === 1) return hashes[start];
  const middle = start + largestPowerBelow(end - start);
  return hashNode(treeHash(hashes, start, middle), treeHash(hashes, middle, end));
}

function largestPowerBelow(n) {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** The root that an audit path leads to, by the recursion of RFC 6962, 2.1.1; undefined if it does not fit. */
function rootOfInclusion(index, size, leaf, path) {
  if (index < 0 || index >= size) return undefined;
  if (size === 1) return path.length === 0 ? leaf : undefined;
  if (path.length === 0) return undefined;
  const k = largestPowerBelow(size);
  const last = path[path.length - 1];
  const rest = path.slice(0, -1);
  if (index < k) {
    const left = rootOfInclusion(index, k, leaf, rest);
    return left && hashNode(left, last);
  }
  const right = rootOfInclusion(index - k, size - k, leaf, rest);
  return right && hashNode(last, right);
}

/** Both roots that a consistency path leads to, by the recursion of RFC 6962, 2.1.2; undefined if it does not fit. */
function rootsOfConsistency(older, newer, path, oldRoot, isWhole = true) {
  if (older === newer) {
    if (isWhole) return path.length === 0 ? { older: oldRoot, newer: oldRoot } : undefined;
    return path.length === 1 ? { older: path[0], newer: path[0] } : undefined;
  }
  if (path.length === 0) return undefined;
  const k = largestPowerBelow(newer);
  const last = path[path.length - 1];
  const rest = path.slice(0, -1);
  if (older <= k) {
    const left = rootsOfConsistency(older, k, rest, oldRoot, isWhole);
    return left && { older: left.older, newer: hashNode(left.newer, last) };
  }
  const right = rootsOfConsistency(older - k, newer - k, rest, oldRoot, false);
  return right && { older: hashNode(last, right.older), newer: hashNode(last, right.newer) };
}

// ---------------------------------------------------------------- RFC 8785: canonical JSON

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

/** The value of a text that is its own canonical form. */
function parseCanonical(text) {
  try {
    const value = JSON.parse(text);
    return canonical(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

// ---------------------------------------------------------------- C2SP signed-note: keys and notes

function base64(text) {
  const bytes = Buffer.from(String(text), "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** A verifier key from its text, NAME+ID+BASE64; undefined if it is not one. */
function parseKey(text) {
  const [, name, id, material] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text) ?? [];
  const bytes = base64(material);
  if (bytes?.length !== 33 || ![LOG_KEY, WITNESS_KEY].includes(bytes[0])) return undefined;
  if (sha256(`${name}\n`, bytes).subarray(0, 4).toString("hex") !== id) return undefined;
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), bytes.subarray(1)]);
  const key = createPublicKey({ key: spki, format: "der", type: "spki" });
  return { text, name, id, type: bytes[0], key };
}

/** The verifier key of a signing key, PRIVATE+KEY+NAME+ID+BASE64, as text; undefined if it is not one. */
function verifierOfSigningKey(text) {
  const [, name, id, material] =
    /^PRIVATE\+KEY\+([^+\s]+)\+([0-9a-f]{8})\+(\S+)\n$/.exec(text) ?? [];
  const bytes = base64(material);
  if (bytes?.length !== 33) return undefined;
  const pkcs8 = Buffer.concat([
    Buffer.from("302e020100300506032b657004220420", "hex"),
    bytes.subarray(1),
  ]);
  const key = createPublicKey(createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }));
  const raw = key.export({ format: "der", type: "spki" }).subarray(-32);
  return parseKey(`${name}+${id}+${Buffer.concat([bytes.subarray(0, 1), raw]).toString("base64")}`)
    ?.text;
}

/** A checkpoint out of a note's text and signature lines; throws what `fail` makes of a problem. */
function parseCheckpoint(note, fail) {
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n") || note.includes("\ufffd"))
    throw fail("It is no signed note.");
  const text = note.slice(0, split + 1);
  const [origin, size, root, ...rest] = text.split("\n");
  const hash = base64(root);
  if (
    !origin ||
    !/^(0|[1-9]\d{0,15})$/.test(size) ||
    hash?.length !== HASH ||
    rest.join("") !== ""
  ) {
    throw fail("Its text is no checkpoint.");
  }
  const lines = note.slice(split + 2, -1).split("\n");
  const signatures = lines.map((line, i) => {
    const [, name, value] = /^\u2014 ([^+\s]+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? [];
    const bytes = base64(value);
    if (bytes === undefined || bytes.length < 5)
      throw fail(`Signature ${i + 1} is no signature line.`);
    return { name, id: bytes.subarray(0, 4).toString("hex"), value: bytes.subarray(4) };
  });
  return { origin, size: Number(size), root: hash, text, signatures };
}

function isSignedBy(text, signature, key) {
  if (key.type === LOG_KEY) return verifySignature(null, Buffer.from(text), key.key, signature);
  if (signature.length !== 72) return false;
  const message = `cosignature/v1\ntime ${signature.readBigUInt64BE(0)}\n${text}`;
  return verifySignature(null, Buffer.from(message), key.key, signature.subarray(8));
}

/** Every signature must be by a known key (`strict`), every one by a known key right, and one by `signer`. */
function checkSignatures(checkpoint, known, signer, strict, fail) {
  const signers = [];
  for (const { name, id, value } of checkpoint.signatures) {
    const key = known.find((each) => each.name === name && each.id === id);
    if (key === undefined) {
      if (strict) throw fail(`The signature of ${name} is by no known key.`);
      continue;
    }
    if (!isSignedBy(checkpoint.text, value, key)) throw fail(`The signature of ${name} is wrong.`);
    signers.push(key);
  }
  if (!signers.includes(signer))
    throw fail(`${signer?.text ?? "The right key"} has not signed it.`);
  if (signer.name !== checkpoint.origin) throw fail("It is signed for another log.");
}

// ---------------------------------------------------------------- facts, sealed bodies, keys

/** The fact that a leaf says, which must be number `index`; undefined if it is not. */
function parseFact(leaf, index) {
  const fact = parseCanonical(leaf.toString("utf8"));
  return fact?.apiVersion === "casemate/v1" && fact.index === index ? fact : undefined;
}

/** Whether the members are these, or with some of the optional ones. */
function hasMembers(object, needed, optional = []) {
  const names = Object.keys(object);
  return (
    needed.every((name) => names.includes(name)) &&
    names.every((name) => needed.includes(name) || optional.includes(name))
  );
}

/** 32 bytes, written in one way only. */
const isSalt = (salt) => typeof salt === "string" && /^[0-9a-f]{64}$/.test(salt);

const commit = (salt, body) => sha256(Buffer.from(salt, "hex"), canonical(body)).toString("hex");

/** The key that a fact of the kind ledger/key-rotated brings; undefined unless `old` vouches for it. */
function nextKey(origin, old, fact) {
  const { oldKey, newKey, signature } = fact.body;
  const message = `casemate ledger key rotation v1\n${origin}\n${oldKey}\n${newKey}\n`;
  const bytes = base64(signature);
  const isRight =
    oldKey === old.text &&
    bytes !== undefined &&
    verifySignature(null, Buffer.from(message), old.key, bytes);
  const key = isRight ? parseKey(newKey) : undefined;
  return key?.type === LOG_KEY ? key : undefined;
}

// ---------------------------------------------------------------- a ledger's directory

function verifyDirectory(directory, trusted) {
  const damages = [];
  const report = (file, place, problem) => damages.push({ file, place, problem });
  /** Runs a check that stops at its first damage. */
  const attempt = (check) => {
    try {
      return check();
    } catch (thrown) {
      if (!(thrown instanceof Damage)) throw thrown;
      report(thrown.file, thrown.place, thrown.message);
      return undefined;
    }
  };
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
  const read = (name) => {
    const path = join(directory, name);
    return existsSync(path) ? readFileSync(path) : undefined;
  };

  const keys = attempt(() => readKeys(read, trusted)) ?? [];
  const journals = files
    .filter((name) => name.startsWith("journal/"))
    .map((name) => attempt(() => readJournal(name, read(name))))
    .filter((journal) => journal !== undefined);
  const checkpoint = attempt(() => {
    const fail = (problem) => new Damage("checkpoint", "", problem);
    const note = read("checkpoint");
    if (note === undefined) throw fail("The file is missing.");
    const parsed = parseCheckpoint(note.toString("utf8"), fail);
    const signer = keys.findLast(({ from }) => from <= parsed.size);
    checkSignatures(parsed, keys, signer, true, fail);
    return parsed;
  });
  checkOtherFiles(files, read, keys, report);
  if (checkpoint === undefined) return { damages, summary: "The checkpoint cannot be believed." };

  const pending = [];
  for (const { name, first, records } of journals) {
    const next = checkpoint.size + pending.length;
    if (first > next) report(name, "", `Facts ${next} to ${first - 1} before it are missing.`);
    pending.push(...records.slice(Math.max(0, next - first)));
  }
  const { leaves, hashes } = verifyTree(files, read, checkpoint, pending, report);
  const facts = readFacts([...leaves, ...pending.map(({ leaf }) => leaf)], checkpoint.size, report);
  verifySealed(files, read, pending, facts, checkpoint.size, report);
  attempt(() => verifyKeys(checkpoint, keys, facts.rotations));
  attempt(() => verifyCosigned(read, keys, hashes));
  const summary = `${checkpoint.origin}: ${checkpoint.size} facts under the checkpoint, ${pending.length} waiting for one, ${facts.commitments.size} sealed bodies (${facts.redacted.size} redacted), first key ${keys[0]?.text}.`;
  return { damages, summary };
}

/** The file `keys`: on each line the size from which on a key signs, and the key. */
function readKeys(read, trusted) {
  const fail = (line, problem) => new Damage("keys", `line ${line}`, problem);
  const lines = (read("keys")?.toString("utf8") ?? "").split("\n");
  if (lines.pop() !== "" || lines.length === 0)
    throw fail(lines.length + 1, "It is missing or cut off.");
  const keys = lines.map((line, i) => {
    const [from, text, ...others] = line.split(" ");
    const key = parseKey(text ?? "");
    if (key?.type !== LOG_KEY || String(Number(from)) !== from || others.length > 0) {
      throw fail(i + 1, "It is no tree size and verifier key.");
    }
    return { ...key, from: Number(from) };
  });
  if (keys[0].from !== 0) throw fail(1, "The first key does not sign from the beginning.");
  if (trusted !== undefined && keys[0].text !== trusted) {
    throw fail(1, "The first key is not the one that you trust.");
  }
  return keys;
}

/**
 * A journal: magic, index of its first fact; then frames of length (4 bytes), check (8), payload, digest (32),
 * each bound to the one before.
 */
function readJournal(name, bytes) {
  const magic = Buffer.from("casemate ledger journal v1\n");
  const fail = (at, problem) => new Damage(name, `byte ${at}`, problem);
  const start = magic.length + 8;
  if (bytes.length < start || !bytes.subarray(0, magic.length).equals(magic)) {
    throw fail(0, "It is no journal.");
  }
  const first = Number(bytes.readBigUInt64BE(magic.length));
  if (name !== `journal/${String(first).padStart(16, "0")}`) {
    throw fail(magic.length, "The index of its first fact is not its name.");
  }
  const records = [];
  let digest = sha256(bytes.subarray(0, start));
  for (let at = start; at < bytes.length; ) {
    if (at + 12 > bytes.length) throw fail(at, "It ends in what was not written to its end.");
    const length = bytes.subarray(at, at + 4);
    const check = sha256(digest, length).subarray(0, 8);
    if (!check.equals(bytes.subarray(at + 4, at + 12)))
      throw fail(at, "The head of a frame was changed.");
    const end = at + 12 + length.readUInt32BE(0);
    if (end + HASH > bytes.length) throw fail(at, "It ends in what was not written to its end.");
    const payload = bytes.subarray(at + 12, end);
    digest = sha256(digest, length, payload);
    if (!digest.equals(bytes.subarray(end, end + HASH))) throw fail(at, "A frame was changed.");
    for (let p = 0; p < payload.length; ) {
      const leafEnd = p + 4 + payload.readUInt32BE(p);
      const sealedEnd = leafEnd + 4 + payload.readUInt32BE(leafEnd);
      records.push({
        leaf: payload.subarray(p + 4, leafEnd),
        sealed: payload.subarray(leafEnd + 4, sealedEnd).toString("utf8"),
      });
      p = sealedEnd;
    }
    at = end + HASH;
  }
  return { name, first, records };
}

function checkOtherFiles(files, read, keys, report) {
  const known = ["checkpoint", "checkpoint.cosigned", "keys", "lock", "witnesses"];
  for (const name of files) {
    if (known.includes(name) || /^(tile|sealed|tmp)\//.test(name) || /^journal\/\d{16}$/.test(name))
      continue;
    if (name === "signing-key" || name === "signing-key.next") {
      const verifier = verifierOfSigningKey(read(name).toString("utf8"));
      // Only the ledger itself needs it: a copy for others should not have it at all.
      if (verifier === undefined || (name === "signing-key" && verifier !== keys.at(-1)?.text)) {
        report(name, "", "It is not the key that `keys` names last.");
      }
      continue;
    }
    report(name, "", "No such file belongs to a ledger.");
  }
  if ((read("lock")?.length ?? 0) > 0) report("lock", "byte 0", "It is not empty.");
}

// ---------------------------------------------------------------- C2SP tlog-tiles

/** The path of a tile: `tile/0/x001/234.p/8`. */
function tilePath(level, index, width) {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/\d{3}/g);
  const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join("/");
  return `tile/${level}/${path}${width === WIDTH ? "" : `.p/${width}`}`;
}

function parseTilePath(path) {
  const [, level, groups, width] =
    /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path) ?? [];
  if (level === undefined) return undefined;
  const index = Number(groups.replaceAll(/[x/]/g, ""));
  const name = { level, index, width: width === undefined ? WIDTH : Number(width) };
  return tilePath(name.level, name.index, name.width) === path ? name : undefined;
}

/** Entries, each after its length in 16 bits; undefined unless there are exactly `width`. */
function parseBundle(bytes, width) {
  const entries = [];
  let at = 0;
  while (entries.length < width && at + 2 <= bytes.length) {
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) return undefined;
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return entries.length === width && at === bytes.length ? entries : undefined;
}

const split = (bytes) =>
  Array.from({ length: bytes.length / HASH }, (_, i) => bytes.subarray(i * HASH, (i + 1) * HASH));

/** A tile or bundle as the tree of `size` needs it, or the full one where the partial one has gone. */
function readTile(read, level, index, width) {
  for (const each of new Set([width, WIDTH])) {
    const bytes = read(tilePath(level, index, each));
    if (bytes === undefined) continue;
    const parts = level === "entries" ? parseBundle(bytes, each) : split(bytes);
    return parts?.length === each ? parts.slice(0, width) : undefined;
  }
  return undefined;
}

/** Makes the whole tree again from the entries, and compares every file of it. */
function verifyTree(files, read, { size, root }, pending, report) {
  const leaves = [];
  const hashes = [];
  for (let index = 0; index * WIDTH < size; index += 1) {
    const width = Math.min(WIDTH, size - index * WIDTH);
    const entries = readTile(read, "entries", index, width);
    const tile = readTile(read, 0, index, width);
    const aboveIndex = Math.floor(index / WIDTH);
    const aboveWidth = Math.min(WIDTH, Math.floor(size / WIDTH) - aboveIndex * WIDTH);
    const above = width === WIDTH ? readTile(read, 1, aboveIndex, aboveWidth) : undefined;
    // Where the two tell different things, the right one is what the hash above it, or the root, is made of.
    const isRight = (candidate) =>
      width === WIDTH
        ? above?.[index % WIDTH]?.equals(treeHash(candidate))
        : treeHash([...hashes, ...candidate]).equals(root);
    const fromEntries = entries?.map(hashLeaf);
    const believed =
      [fromEntries, tile].find((each) => each !== undefined && isRight(each)) ??
      fromEntries ??
      tile;
    for (let i = 0; i < width; i += 1) {
      hashes.push(believed?.[i] ?? Buffer.alloc(HASH));
      // What is not as it was recorded is reported below, and read no further.
      leaves.push(fromEntries?.[i].equals(hashes.at(-1)) ? entries[i] : undefined);
    }
  }
  if (!treeHash(hashes).equals(root))
    report("checkpoint", "line 3", "Its root hash is not that of the facts.");
  for (const { leaf } of pending) hashes.push(hashLeaf(leaf));

  const levels = [hashes];
  for (let level = hashes; level.length >= WIDTH; level = levels.at(-1)) {
    const above = [];
    for (let at = 0; at + WIDTH <= level.length; at += WIDTH)
      above.push(treeHash(level, at, at + WIDTH));
    levels.push(above);
  }
  const present = new Set(files);
  for (const level of levels.keys()) {
    const count = Math.floor(size / WIDTH ** level);
    for (let index = 0; index * WIDTH < count; index += 1) {
      const width = Math.min(WIDTH, count - index * WIDTH);
      for (const kind of level === 0 ? [0, "entries"] : [level]) {
        if (present.has(tilePath(kind, index, width)) || present.has(tilePath(kind, index, WIDTH)))
          continue;
        report(tilePath(kind, index, width), "", "The file is missing.");
      }
    }
  }
  for (const path of files.filter((name) => name.startsWith("tile/"))) {
    const name = parseTilePath(path);
    const level = name && levels[name.level === "entries" ? 0 : Number(name.level)];
    const first = (name?.index ?? 0) * WIDTH;
    if (level === undefined || first + name.width > level.length) {
      report(path, "", "No such file belongs to a ledger of this size.");
    } else if (name.level === "entries") {
      const entries = parseBundle(read(path), name.width);
      if (entries === undefined)
        report(path, `facts ${first} to ${first + name.width - 1}`, "Its lengths were changed.");
      for (const [i, entry] of (entries ?? []).entries()) {
        if (hashLeaf(entry).equals(level[first + i])) continue;
        report(
          path,
          `entry ${i} (fact ${first + i})`,
          "The fact is not the one that the tree has.",
        );
      }
    } else {
      const bytes = read(path);
      if (bytes.length !== name.width * HASH) {
        report(path, "", `It has ${bytes.length} bytes instead of ${name.width * HASH}.`);
        continue;
      }
      for (const [i, hash] of split(bytes).entries()) {
        if (hash.equals(level[first + i])) continue;
        report(path, `byte ${i * HASH}`, "The hash is not the one of the facts below it.");
      }
    }
  }
  return { leaves, hashes };
}

function readFacts(leaves, size, report) {
  const unreadable = new Set();
  const commitments = new Map();
  const redacted = new Map();
  const rotations = [];
  for (const [index, leaf] of leaves.entries()) {
    if (leaf === undefined) {
      unreadable.add(index);
      continue;
    }
    const fact = parseFact(leaf, index);
    if (fact === undefined) {
      const bundle = Math.floor(index / WIDTH);
      const width = Math.min(WIDTH, size - bundle * WIDTH);
      const file = index < size ? tilePath("entries", bundle, width) : "journal";
      report(file, `fact ${index}`, "It is not the canonical JSON of that fact.");
      continue;
    }
    for (const [name, value] of Object.entries(fact.commitments ?? {})) {
      commitments.set(`${index} ${name}`, value);
    }
    if (fact.kind === "ledger/key-rotated") rotations.push(fact);
    if (fact.kind === "ledger/redacted") {
      for (const name of fact.body.names) redacted.set(`${fact.body.index} ${name}`, index);
    }
  }
  return { unreadable, commitments, redacted, rotations };
}

/** Every sealed body is there as committed to, or a fact says that it was redacted, and it is gone. */
function verifySealed(files, read, pending, { unreadable, commitments, redacted }, size, report) {
  const seen = new Set();
  // A damaged line is one of those that would be missing.
  const damaged = new Set();
  const checkLines = (file, text, bundle) => {
    const lines = text.split("\n");
    if (lines.pop() !== "") {
      report(file, `line ${lines.length + 1}`, "It is cut off.");
      damaged.add(file);
    }
    for (const [i, line] of lines.entries()) {
      const body = parseCanonical(line);
      if (unreadable.has(body?.index)) continue;
      const key = `${body?.index} ${body?.name}`;
      const place =
        body === undefined ? `line ${i + 1}` : `line ${i + 1} (fact ${body.index}, ${body.name})`;
      const isOwn = bundle === undefined || Math.floor(body?.index / WIDTH) === bundle;
      const isShaped = isSalt(body?.salt) && hasMembers(body, ["body", "index", "name", "salt"]);
      if (!isShaped || !isOwn || commit(body.salt, body.body) !== commitments.get(key)) {
        report(file, place, "The sealed body is not the one that its fact commits to.");
        damaged.add(file);
      } else if (bundle !== undefined && seen.has(key)) {
        report(file, place, "The sealed body is there twice.");
      } else if (bundle !== undefined && (redacted.get(key) ?? size) < size) {
        report(file, place, "The sealed body was redacted, and is still there.");
      }
      seen.add(key);
    }
  };
  for (const file of files.filter((name) => name.startsWith("sealed/"))) {
    const bundle = Number(file.slice(7).replaceAll(/[x/]/g, ""));
    if (tilePath("x", bundle, WIDTH).slice(7) !== file.slice(7)) {
      report(file, "", "No such file belongs to a ledger.");
    } else checkLines(file, read(file).toString("utf8"), bundle);
  }
  checkLines("journal", pending.map(({ sealed }) => sealed).join(""));
  for (const key of commitments.keys()) {
    if (seen.has(key) || redacted.has(key)) continue;
    const bundle = Math.floor(Number.parseInt(key, 10) / WIDTH);
    const file = `sealed/${tilePath("x", bundle, WIDTH).slice(7)}`;
    if (damaged.has(file)) continue;
    report(
      file,
      `fact ${key.replace(" ", ", ")}`,
      "A sealed body is missing, and no fact redacts it.",
    );
  }
}

/** The keys after the first are those that facts bring, each vouched for by the one before. */
function verifyKeys({ origin, size }, keys, rotations) {
  const fail = (line, problem) => new Damage("keys", `line ${line}`, problem);
  let last = keys[0];
  let line = 1;
  for (const fact of rotations) {
    if (fact.index >= size && keys.length === line) break; // no checkpoint covers it yet
    const key = nextKey(origin, last, fact);
    line += 1;
    if (key === undefined)
      throw fail(line, `Fact ${fact.index} brings a key that the one before did not sign.`);
    if (keys[line - 1]?.text !== key.text || keys[line - 1].from !== fact.index + 1) {
      throw fail(line, `It is not the key that fact ${fact.index} brings.`);
    }
    last = key;
  }
  if (keys.length > line) throw fail(line + 1, "No fact brings this key.");
}

/** The newest checkpoint that witnesses have signed too. */
function verifyCosigned(read, keys, hashes) {
  const lines = (read("witnesses")?.toString("utf8") ?? "").split("\n");
  if (lines.pop() !== "")
    throw new Damage("witnesses", `line ${lines.length + 1}`, "It is cut off.");
  const witnesses = lines.map((line, i) => {
    const key = parseKey(line);
    if (key?.type === WITNESS_KEY) return key;
    throw new Damage("witnesses", `line ${i + 1}`, "It is not the key of a witness.");
  });
  const note = read("checkpoint.cosigned");
  if (note === undefined) return;
  const fail = (problem) => new Damage("checkpoint.cosigned", "", problem);
  const cosigned = parseCheckpoint(note.toString("utf8"), fail);
  const signer = keys.findLast(({ from }) => from <= cosigned.size);
  checkSignatures(cosigned, [...keys, ...witnesses], signer, true, fail);
  if (cosigned.size > hashes.length || !treeHash(hashes, 0, cosigned.size).equals(cosigned.root)) {
    throw fail("Its root hash is not that of the facts.");
  }
}

// ---------------------------------------------------------------- a proof out of a ledger

function verifyProof(file, proof, trusted) {
  const fail = (problem) => new Damage(file, "", problem);
  try {
    const needed = ["apiVersion", "checkpoint", "facts", "firstKey", "kind", "rotations"];
    if (proof.apiVersion !== "casemate/v1" || proof.kind !== "LedgerProof") {
      throw fail("It is no LedgerProof.");
    }
    if (!hasMembers(proof, needed, ["earlier"]))
      throw fail("Its members are not those of a LedgerProof.");
    const first = parseKey(proof.firstKey);
    if (first?.type !== LOG_KEY) throw fail("Its first key is no verifier key.");
    if (trusted !== undefined && first.text !== trusted) {
      throw fail("Its first key is not the one that you trust.");
    }
    const checkpoint = parseCheckpoint(proof.checkpoint, fail);
    const keys = [{ ...first, from: 0 }];
    for (const rotation of proof.rotations) {
      const fact = provenFact(rotation, checkpoint, fail);
      const key = nextKey(checkpoint.origin, keys.at(-1), fact);
      if (key === undefined)
        throw fail(`Fact ${fact.index} brings a key that the one before did not sign.`);
      keys.push({ ...key, from: fact.index + 1 });
    }
    const signerOf = ({ size }) => keys.findLast(({ from }) => from <= size);
    checkSignatures(checkpoint, keys, signerOf(checkpoint), false, fail);
    for (const shown of proof.facts) {
      const fact = provenFact(shown, checkpoint, fail);
      for (const [name, { salt, body }] of Object.entries(shown.sealed ?? {})) {
        if (isSalt(salt) && commit(salt, body) === fact.commitments?.[name]) continue;
        throw fail(`The sealed body ${name} of fact ${fact.index} is not the one committed to.`);
      }
    }
    if (proof.earlier !== undefined) {
      if (!hasMembers(proof.earlier, ["checkpoint", "consistency"])) {
        throw fail("The earlier checkpoint has members that belong to none.");
      }
      const earlier = parseCheckpoint(proof.earlier.checkpoint, fail);
      checkSignatures(earlier, keys, signerOf(earlier), false, fail);
      const path = hashesOf(proof.earlier.consistency, fail);
      const isEmpty = earlier.size === 0 && path.length === 0 && earlier.root.equals(sha256());
      const roots =
        earlier.size > 0 && earlier.size <= checkpoint.size
          ? rootsOfConsistency(earlier.size, checkpoint.size, path, earlier.root)
          : undefined;
      const fits = roots?.older.equals(earlier.root) && roots.newer.equals(checkpoint.root);
      if (!isEmpty && !fits) throw fail("The earlier checkpoint is not the beginning of this one.");
    }
    const summary = `${checkpoint.origin}: facts ${proof.facts.map(({ index }) => index).join(", ")} are in the tree of size ${checkpoint.size}, first key ${first.text}.`;
    return { damages: [], summary };
  } catch (thrown) {
    const problem =
      thrown instanceof Damage ? thrown.message : "Its members are not those of a LedgerProof.";
    return { damages: [{ file, place: "", problem }], summary: "Nothing is proven." };
  }
}

function provenFact(shown, { size, root }, fail) {
  const { index, leaf, inclusion, sealed = {} } = shown;
  const isShaped =
    hasMembers(shown, ["index", "leaf", "inclusion"], ["sealed"]) &&
    Object.values(sealed).every((each) => hasMembers(each, ["body", "salt"]));
  if (!isShaped) throw fail("A fact has members that belong to none.");
  const bytes = Buffer.from(leaf);
  const path = hashesOf(inclusion, fail);
  const fact = parseFact(bytes, index);
  if (fact === undefined || !rootOfInclusion(index, size, hashLeaf(bytes), path)?.equals(root)) {
    throw fail(`Fact ${index} is not in the tree of the checkpoint.`);
  }
  return fact;
}

function hashesOf(path, fail) {
  if (path.length > MAX_PATH) throw fail("A path is too long.");
  return path.map((text) => {
    const hash = base64(text);
    if (hash?.length !== HASH) throw fail("A path holds what is no hash.");
    return hash;
  });
}

// ---------------------------------------------------------------- the command

function main() {
  let target;
  let key;
  try {
    const { values, positionals } = parseArgs({
      options: { key: { type: "string" } },
      allowPositionals: true,
    });
    [target] = positionals;
    key = values.key;
    if (positionals.length !== 1 || (key !== undefined && parseKey(key) === undefined))
      target = undefined;
  } catch {
    target = undefined; // an unknown option
  }
  if (target === undefined) {
    console.error("Usage: node casemate-verify.mjs LEDGER-DIRECTORY|PROOF.json [--key VKEY]");
    return 64;
  }
  let outcome;
  try {
    outcome = statSync(target).isDirectory()
      ? verifyDirectory(target, key)
      : verifyProof(target, parseDocument(readFileSync(target, "utf8")), key);
  } catch (thrown) {
    console.error(`Cannot verify ${target}: ${thrown.message}.`);
    return 1;
  }
  const { damages, summary } = outcome;
  console.log(printable(summary));
  for (const { file, place, problem } of damages) {
    console.log(printable(`DAMAGED ${file}${place === "" ? "" : `, ${place}`}: ${problem}`));
  }
  if (damages.length > 0) return 2;
  const whose =
    key === undefined ? " Compare the first key with the one you know from elsewhere." : "";
  console.log(`VERIFIED${key === undefined ? ", except whose it is." : "."}${whose}`);
  return key === undefined ? 3 : 0;
}

/** What is not JSON is no proof: the check says so. */
function parseDocument(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** Nothing that steers a terminal: the text may come from whoever made the ledger. */
function printable(text) {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}

process.exitCode = main();
