import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDomainXml } from "./domain-xml.ts";
import { planGuests } from "./lab-guests.ts";
import { formatNetworkXml } from "./network-xml.ts";

const files = {
  vmlinuz: "/k",
  initramfs: "/i",
  disk: "/a & b/<web01>.qcow2",
  consoleSocket: "/s",
  bootLog: "/l",
};

test("formatDomainXml: shared memory, the right accelerator, escaped paths", () => {
  for (const guest of planGuests("/x")) {
    const xml = formatDomainXml(guest, files, "tcg");
    assert.match(xml, /^<domain type="qemu">/);
    assert.match(xml, /<source type="memfd"\/>\n\s+<access mode="shared"\/>/);
    assert.match(xml, /<source file="\/a &amp; b\/&lt;web01&gt;\.qcow2"\/>/);
    assert.match(formatDomainXml(guest, files, "kvm"), /^<domain type="kvm">.*host-passthrough/s);
  }
});

test("formatNetworkXml: every guest has its address", () => {
  const guests = planGuests("/x");
  const xml = formatNetworkXml(guests);
  for (const { name, mac, address } of guests) {
    assert.ok(xml.includes(`<host mac="${mac}" name="${name}" ip="${address}"/>`));
  }
});
