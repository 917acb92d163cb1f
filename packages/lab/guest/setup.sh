#!/bin/sh
# Makes the unpacked Debian tree $1 a lab guest: our files, users, no identity of its own.
# Runs inside mmdebstrap, after the packages are configured.
set -eu
umask 022
root=$1
files=$(dirname "$0")/files

(cd "$files" && find . -type f) | while read -r file; do
  if [ -x "$files/$file" ]; then mode=755; else mode=644; fi
  install -D -m "$mode" "$files/$file" "$root/$file"
done

# The essential packages were unpacked before dpkg.cfg could leave these out.
rm -rf "$root/etc/dpkg/dpkg.cfg.d/lab" "$root"/usr/share/man/* "$root"/usr/share/info/* \
  "$root"/usr/share/locale/*

ln -sf /bin/busybox "$root/sbin/init"
: >"$root/etc/machine-id"
echo '127.0.0.1 localhost' >"$root/etc/hosts"
echo '/dev/vda / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"

# Each clone makes its own host keys at its first boot; ed25519 only, the others take seconds
# without hardware virtualization.
rm -f "$root"/etc/ssh/ssh_host_*
echo 'HostKey /etc/ssh/ssh_host_ed25519_key' >"$root/etc/ssh/sshd_config.d/host-key.conf"

# The lab boots the kernel with an initramfs of its own.
rm -f "$root"/boot/initrd.img* "$root"/initrd.img*

for user in alice bob ci; do
  chroot "$root" useradd --create-home --shell /bin/bash "$user"
done
echo 'bind * -::*
unixsocket /run/redis/redis.sock
unixsocketperm 770
protected-mode no
daemonize no
logfile ""' >>"$root/etc/redis/redis.conf"
