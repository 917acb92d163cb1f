/**
 * Files that an agent is asked for: what says who may come in, what is loaded into every program, and the programs
 * by which people look at a system. Of what they hold only a digest is ever told.
 */
export const witnessedFiles: readonly string[] = [
  "/etc/passwd",
  "/etc/shadow",
  "/etc/group",
  "/etc/sudoers",
  "/etc/crontab",
  "/etc/ssh/sshd_config",
  "/etc/pam.d/sshd",
  "/etc/pam.d/common-auth",
  "/etc/ld.so.preload",
  "/bin/ls",
  "/bin/ps",
  "/bin/ss",
  "/bin/login",
  "/usr/bin/sudo",
  "/usr/sbin/sshd",
];

/** Of larger ones the beginning is asked for, which tells nothing of the whole; in bytes. */
export const MAX_FILE_BYTES = 4 * 1024 * 1024;
