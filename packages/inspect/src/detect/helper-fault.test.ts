import assert from "node:assert/strict";
import { test } from "node:test";
import { helperFault } from "./helper-fault.ts";

test("helperFault: says nothing of programs of the system", () => {
  for (const path of [
    "/sbin/modprobe",
    "/usr/lib/systemd/systemd-coredump",
    "/usr/share/apport/apport",
    "/usr/libexec/abrt-hook-ccpp",
    "/lib/systemd/systemd-cgroups-agent",
    "/usr/local/sbin/crash",
    "/nix/store/0a-kmod/bin/modprobe",
  ]) {
    assert.equal(helperFault(path), undefined, path);
  }
});

test("helperFault: tells programs that others may write, or that nobody sees", () => {
  for (const path of [
    "/tmp/x",
    "/dev/shm/x",
    "/home/user/x",
    "/proc/731/fd/3",
    "/usr/bin/.x",
    "/usr/bin/../../tmp/x",
    "/memfd:x (deleted)",
    "/usr/bin/x;y",
  ]) {
    assert.equal(helperFault(path)?.severity, "critical", path);
  }
  for (const path of ["x", "/x", "/root/x", "/var/lib/docker/overlay2/1/diff/x"]) {
    assert.equal(helperFault(path)?.severity, "high", path);
  }
});
