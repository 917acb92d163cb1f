import assert from "node:assert/strict";
import { test } from "node:test";
import { scanFiles } from "../system.fixture.ts";
import { schedules } from "./schedules.ts";
import { services } from "./services.ts";

const UNITS = "/usr/lib/systemd/system";
const ENABLED = "/etc/systemd/system";

test("services: units that /etc pulls in and does not mask, with the command of unit and drop-ins", () => {
  const { rows, missed } = scanFiles(
    { collector: services },
    {
      [`${UNITS}/ssh.service`]: "[Service]\nExecStart=/usr/sbin/sshd -D \\\n  $SSHD_OPTS\n",
      [`${UNITS}/getty@.service`]: "[Service]\nExecStart=-/sbin/agetty %I\n",
      [`${UNITS}/multi-user.target.wants/systemd-logind.service`]: {
        link: "../systemd-logind.service",
      },
      [`${ENABLED}/multi-user.target.wants/ssh.service`]: { link: `${UNITS}/ssh.service` },
      [`${ENABLED}/other.target.requires/ssh.service`]: { link: `${UNITS}/ssh.service` },
      [`${ENABLED}/getty.target.wants/getty@tty1.service`]: { link: `${UNITS}/getty@.service` },
      [`${ENABLED}/getty@.service.d/auto.conf`]: "[Service]\nExecStart=\nExecStart=/bin/auto\n",
      [`${ENABLED}/multi-user.target.wants/masked.service`]: { link: `${UNITS}/masked.service` },
      [`${ENABLED}/masked.service`]: { link: "/dev/null" },
      "/etc/rc2.d/S01ssh": { link: "../init.d/ssh" },
      "/etc/rc2.d/S02old": { link: "../init.d/old" },
      "/etc/rc3.d/S02old": { link: "../init.d/old" },
      "/etc/rc3.d/K01off": { link: "../init.d/off" },
    },
  );
  assert.deepEqual(missed, []);
  assert.deepEqual(rows, [
    {
      name: "getty@tty1.service",
      manager: "systemd",
      wantedBy: ["getty.target"],
      path: `${ENABLED}/getty.target.wants/getty@tty1.service`,
      command: "/bin/auto",
    },
    {
      name: "ssh.service",
      manager: "systemd",
      wantedBy: ["multi-user.target", "other.target"],
      path: `${ENABLED}/multi-user.target.wants/ssh.service`,
      command: "/usr/sbin/sshd -D    $SSHD_OPTS",
    },
    {
      name: "old",
      manager: "sysv",
      wantedBy: ["2", "3"],
      path: "/etc/rc2.d/S02old",
      command: "/etc/init.d/old start",
    },
  ]);
});

test("services: OpenRC's runlevels", () => {
  const { rows } = scanFiles(
    { collector: services },
    { "/etc/runlevels/default/sshd": { link: "/etc/init.d/sshd" } },
  );
  assert.deepEqual(
    rows.map(({ name, manager, wantedBy }) => [name, manager, ...wantedBy]),
    [["sshd", "openrc", "default"]],
  );
});

test("schedules: crontabs of the system and of users, periodic programs, anacron, timers", () => {
  const { rows, missed } = scanFiles(
    { collector: schedules },
    {
      "/etc/crontab":
        "SHELL=/bin/sh\n# m h dom mon dow user command\n17 *\t* * *  root  cd / && run-parts /etc/cron.hourly\n",
      "/etc/cron.d/backup":
        "@reboot backup /usr/bin/backup --all\n*/5 1-3 * jan mon,fri bin x\nnonsense\n",
      "/etc/cron.d/backup.dpkg-old": "@reboot root gone\n",
      "/var/spool/cron/crontabs/alice": "0 4 * * * /home/alice/run me\n",
      "/etc/cron.daily/logrotate": "#!/bin/sh\n",
      "/etc/cron.daily/.placeholder": "",
      "/etc/anacrontab": "START_HOURS_RANGE=3-22\n7 25 cron.weekly run-parts /etc/cron.weekly\n",
      [`${UNITS}/clean.timer`]: "[Timer]\nOnCalendar=daily\nOnBootSec=5min\nUnit=wipe.service\n",
      [`${UNITS}/wipe.service`]: "[Service]\nUser=nobody\nExecStart=/usr/bin/wipe\n",
      [`${ENABLED}/timers.target.wants/clean.timer`]: { link: `${UNITS}/clean.timer` },
    },
  );
  assert.deepEqual(missed, []);
  assert.deepEqual(
    rows.map(({ kind, when, user, command, line }) => [kind, when, user, command, line]),
    [
      ["cron", "17 * * * *", "root", "cd / && run-parts /etc/cron.hourly", 3],
      ["cron", "@reboot", "backup", "/usr/bin/backup --all", 1],
      ["cron", "*/5 1-3 * jan mon,fri", "bin", "x", 2],
      ["cron", "0 4 * * *", "alice", "/home/alice/run me", 1],
      ["cron", "daily", "root", "/etc/cron.daily/logrotate", undefined],
      ["anacron", "every 7 days", "root", "run-parts /etc/cron.weekly", 2],
      ["timer", "OnCalendar=daily, OnBootSec=5min", "nobody", "/usr/bin/wipe", undefined],
    ],
  );
});
