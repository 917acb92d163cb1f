import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";

const detector = "agent-files";
const PROGRAM = "/root/liar";

export const agentFilesCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a file of which the agent reads something else than memory and the disk have",
    finds: /^agent contradicts file \/etc\/passwd, inode [\d ]+$/,
    tamper: (guest) => lie(guest, "echo root::0:0::/:/bin/sh | /root/base64 -w0"),
  },
  {
    detector,
    claim: "a file of which the agent reads what is none",
    finds: "could not look",
    tamper: (guest) => lie(guest, "printf !!!!"),
  },
];

/** Has what the agent reads files with do something else for one of them. */
async function lie(guest: GuestEditor, command: string): Promise<AsyncDisposable> {
  await guest.run(`cp /usr/bin/base64 /root/base64
    cat >${PROGRAM} <<'END'
#!/bin/sh
case "$*" in */etc/passwd) ${command};; *) exec /root/base64 "$@";; esac
END
    chmod 755 ${PROGRAM}; mount --bind ${PROGRAM} /usr/bin/base64`);
  return { [Symbol.asyncDispose]: async () => void (await guest.run("umount /usr/bin/base64")) };
}
