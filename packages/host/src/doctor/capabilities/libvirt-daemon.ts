import { once } from "node:events";
import { access } from "node:fs/promises";
import { connect } from "node:net";
import { asRoot, defineCapability, install } from "../capability.ts";

/** Where libvirt's system daemon for QEMU listens: the modular one, and the one for all. */
const SOCKETS = ["/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock"];

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

export const libvirtDaemon = defineCapability({
  id: "libvirtd",
  title: "libvirt's daemon",
  async probe(_context, signal) {
    let refused = "";
    for (const path of SOCKETS) {
      const socket = connect(path);
      try {
        await once(socket, "connect", { signal });
        return { state: "ok", detail: `answers on ${path}` };
      } catch (error) {
        const code = error instanceof Error && "code" in error ? error.code : "";
        if (code === "EACCES") refused = path;
      } finally {
        socket.destroy();
      }
    }
    if (refused !== "") {
      const detail = `this user may not connect to ${refused}`;
      return { state: "unusable", detail, fix: 'sudo usermod -aG libvirt "$USER"' };
    }
    if (!(await isThere("/usr/sbin/libvirtd")) && !(await isThere("/usr/sbin/virtqemud"))) {
      const fix = install("libvirt-daemon-system");
      return { state: "missing", detail: "no libvirt daemon is installed", fix };
    }
    const systemd = await isThere("/run/systemd/system");
    const fix = asRoot(systemd ? "systemctl start libvirtd" : "libvirtd --daemon");
    const detail = "installed but not running; the lab brings its own";
    return { state: "warning", detail, fix };
  },
});
