import assert from "node:assert/strict";
import { test } from "node:test";
import { formatForensicChannel, parseForensicChannel } from "./forensic-channel.ts";

test("parseForensicChannel: a network or an address with a port, of both families", () => {
  assert.deepEqual(parseForensicChannel("192.0.2.0/24:22", "192.0.2.1"), {
    ...{ family: "ip", address: "192.0.2.0", prefix: 24, port: 22, via: "192.0.2.1" },
  });
  assert.deepEqual(parseForensicChannel("[2001:db8::7]:65535"), {
    ...{ family: "ip6", address: "2001:db8::7", prefix: 128, port: 65_535, via: undefined },
  });
});

test("formatForensicChannel: what parses to the same", () => {
  for (const keep of [
    "192.0.2.7:22",
    "0.0.0.0/0:1",
    "[2001:db8::/64]:443",
    "[::ffff:192.0.2.1]:5",
  ]) {
    const channel = parseForensicChannel(keep);
    assert.deepEqual(parseForensicChannel(formatForensicChannel(channel)), channel);
  }
});

test("parseForensicChannel: refuses what is no network with a port, and a router of another family", () => {
  for (const keep of [
    ...["", "22", "192.0.2.7", "192.0.2.7:0", "192.0.2.7:65536", "192.0.2.0/33:22"],
    ...["2001:db8::7:22", "[2001:db8::/129]:22", "[192.0.2.7]:22", "[fe80::1%eth0]:22", "host:22"],
    ...["192.0.2.256:22", "192.0.2.7:22 ", "192.0.2.7:22; flush ruleset"],
  ]) {
    assert.throws(() => parseForensicChannel(keep), { code: "usage" }, keep);
  }
  for (const via of ["2001:db8::1", "", "router"]) {
    assert.throws(() => parseForensicChannel("192.0.2.7:22", via), { code: "usage" }, via);
  }
  assert.throws(() => parseForensicChannel("[2001:db8::7]:22", "fe80::1%eth0"), { code: "usage" });
});
