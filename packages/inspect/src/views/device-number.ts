/** A `dev_t` of the kernel as `MAJOR:MINOR` in decimal (include/linux/kdev_t.h: 20 bits of minor). */
export function deviceNumber(device: number): string {
  return `${device >>> 20}:${device & 0xf_ffff}`;
}
