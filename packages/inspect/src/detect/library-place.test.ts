import assert from "node:assert/strict";
import { test } from "node:test";
import { libraryPlace } from "./library-place.ts";

test("libraryPlace: libraries of the system and of add-on software are the system's", () => {
  for (const path of [
    "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
    "/lib64/libc.so.6",
    "/usr/$LIB/libfakeroot.so",
    "/opt/agent/lib/agent.so",
    "/nix/store/abc-glibc/lib/libm.so",
  ]) {
    assert.equal(libraryPlace(path), "system", path);
  }
});

test("libraryPlace: what anybody may write to, or does not see, is temporary", () => {
  for (const path of [
    "/tmp/x.so",
    "/var/tmp/x.so",
    "/dev/shm/x.so",
    "/proc/self/fd/3",
    "/usr/lib/../../tmp/x.so",
    "//tmp//x.so",
    "/usr/lib/.hidden/x.so",
  ]) {
    assert.equal(libraryPlace(path), "temporary", path);
  }
});

test("libraryPlace: homes are users', and the rest is nobody's", () => {
  assert.equal(libraryPlace("/home/ada/.local/lib/x.so"), "home");
  assert.equal(libraryPlace("/root/x.so"), "home");
  assert.equal(libraryPlace("/srv/x.so"), "elsewhere");
  assert.equal(libraryPlace("./x.so"), "elsewhere");
  assert.equal(libraryPlace("/library/x.so"), "elsewhere");
});
