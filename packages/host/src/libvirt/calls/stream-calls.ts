import { flagBits, type LibvirtFlags } from "../flags.ts";
import { type LibvirtFailure, virErrorNumber } from "../libvirt-error.ts";
import type { VirStream } from "../prototypes.ts";
import { type Call, CallFailed, checked, checkedRunning, onDomain } from "./call.ts";

/** VIR_STREAM_NONBLOCK */
const nonBlocking = 1 << 0;

export const streamCalls = {
  /** A stream on a VM's console: to be watched by the event thread, and to be given back to `closeStream`. */
  openConsole(
    call: Call,
    uuid: string,
    device: string | null,
    flags: LibvirtFlags<"console">,
  ): VirStream {
    const { lib, conn } = call;
    return onDomain(call, uuid, "open the console of", (dom, doing) => {
      const stream = checked(call, doing, lib.virStreamNew(conn, nonBlocking));
      try {
        const bits = flagBits("console", flags);
        checkedRunning(call, dom, doing, lib.virDomainOpenConsole(dom, device, stream, bits));
        return stream;
      } catch (thrown) {
        lib.virStreamFree(stream);
        throw thrown instanceof CallFailed ? new CallFailed(meaningOf(thrown.failure)) : thrown;
      }
    });
  },

  /** How many of the bytes libvirt took: none while what came before is still on its way. */
  sendStream(call: Call, stream: VirStream, data: Uint8Array): number {
    const sent = call.lib.virStreamSend(stream, data, data.length);
    return sent === -2 ? 0 : checked(call, "write to the console", sent);
  },

  /** Ends a stream that is not watched any more. */
  closeStream(call: Call, stream: VirStream): void {
    // Fails where the other side has ended it already.
    call.lib.virStreamAbort(stream);
    call.lib.virStreamFree(stream);
  },
};

/** Of all that may go wrong libvirt reports by this number alone that somebody else has the console. */
function meaningOf(failure: LibvirtFailure): LibvirtFailure {
  const taken =
    failure.code === "libvirt/failed" && failure.number === virErrorNumber.operationFailed;
  return taken ? { ...failure, code: "console/in-use" } : failure;
}
