import assert from "node:assert/strict";
import { closeSync, fstatSync, openSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { openSocketPair, receiveFds, sendFds } from "./pass-fds.ts";

test("receiveFds: gets the text and descriptors for the same files, in order", (context) => {
  const [a, b] = openSocketPair();
  const sent = ["/proc/self/maps", "/dev/null", "/etc/passwd"].map((path) => openSync(path, "r"));
  sendFds(a, "three of them", sent);
  const received = receiveFds(b, 1000);
  context.after(() => {
    for (const fd of [a, b, ...sent, ...received.fds]) closeSync(fd);
  });
  assert.equal(received.text, "three of them");
  const inodes = (fds: readonly number[]) => fds.map((fd) => fstatSync(fd).ino);
  assert.deepEqual(inodes(received.fds), inodes(sent));
});

test("receiveFds: says when nothing came, and when the sender hung up", () => {
  const [a, b] = openSocketPair();
  assert.throws(() => receiveFds(b, 0), /nothing within 0 ms/);
  closeSync(a);
  assert.throws(() => receiveFds(b, 0), /hung up/);
  closeSync(b);
});

test("sendFds: refuses what does not fit one message, and sends to nobody without a signal", () => {
  const before = readdirSync("/proc/self/fd");
  const [a, b] = openSocketPair();
  assert.throws(() => sendFds(a, "", [0]), { code: "internal" });
  assert.throws(
    () =>
      sendFds(
        a,
        "x",
        Array.from({ length: 254 }, () => 0),
      ),
    { code: "internal" },
  );
  closeSync(b);
  assert.throws(() => sendFds(a, "x", []), /EPIPE/);
  closeSync(a);
  assert.deepEqual(readdirSync("/proc/self/fd"), before);
});
