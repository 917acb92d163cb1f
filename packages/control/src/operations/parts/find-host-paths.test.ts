import assert from "node:assert/strict";
import { test } from "node:test";
import { findHostPaths } from "./find-host-paths.ts";

test("findHostPaths: finds every path that a definition has the host open, and none that is for people", () => {
  const xml = `
    <domain>
      <title>/not/a/path</title>
      <metadata><a b="/not/this"/></metadata>
      <os>
        <kernel>/etc/shadow</kernel>
        <loader>/usr/share/OVMF/OVMF_CODE.fd</loader>
        <nvram template="/usr/share/../../root/x"> /var/x_VARS.fd </nvram>
      </os>
      <devices>
        <emulator>/usr/bin/qemu-system-x86_64</emulator>
        <filesystem><source dir="/home"/></filesystem>
        <disk type="network"><source><host transport="unix" socket="/run/nbd"/></source></disk>
        <serial type="file"><source path="/root/.ssh/authorized_keys"/></serial>
      </devices>
    </domain>`;
  assert.deepEqual(findHostPaths(xml), [
    "/etc/shadow",
    "/usr/share/../../root/x",
    "/var/x_VARS.fd",
    "/home",
    "/run/nbd",
    "/root/.ssh/authorized_keys",
  ]);
});
