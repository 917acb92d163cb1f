import { CasemateError } from "@casemate/core";
import koffi from "koffi";
import { libvirt } from "./prototypes.ts";

let initialised = false;

/**
 * What libvirt wants once a process, before anything else. It writes nothing to stderr from then on.
 *
 * Throws `libvirt/missing`, `libvirt/failed`.
 */
export function initialiseLibvirt(): void {
  if (initialised) return;
  const lib = libvirt();
  // libvirt writes warnings to stderr unless its log level says otherwise, and it takes that from the
  // environment alone. Node's own process.env is a copy in a worker, and children must not inherit this.
  const libc = koffi.load("libc.so.6");
  const setenv = libc.func("int setenv(const char *name, const char *value, int overwrite)");
  const unsetenv = libc.func("int unsetenv(const char *name)");
  const getenv = libc.func("const char *getenv(const char *name)");
  const quiet = getenv("LIBVIRT_DEBUG") === null;
  if (quiet) setenv("LIBVIRT_DEBUG", "4", 0); // VIR_LOG_ERROR
  try {
    if (lib.virInitialize() < 0 || lib.virEventRegisterDefaultImpl() < 0) {
      throw new CasemateError(
        "libvirt/failed",
        "Cannot initialise libvirt: it refused, expected a usable library.",
      );
    }
  } finally {
    if (quiet) unsetenv("LIBVIRT_DEBUG");
  }
  // libvirt's default handler writes every error to stderr. A handler is called in the thread that
  // failed, so a C function that does nothing is quieter than one of JavaScript.
  lib.virSetErrorFunc(null, lib.harmless);
  initialised = true;
}
