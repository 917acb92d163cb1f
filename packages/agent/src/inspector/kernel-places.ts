/** Where distributions keep the kernel of a release: in /boot, which may be a file system of its own, or beside its modules. */
export function kernelPlaces(release: string): readonly string[] {
  return [
    `/boot/vmlinuz-${release}`,
    `/vmlinuz-${release}`,
    `/usr/lib/modules/${release}/vmlinuz`,
    `/lib/modules/${release}/vmlinuz`,
  ];
}
