/** Where results of scans are kept, by digests of what they are of. HOSTILE: values hold what guests say. */
export interface ReuseStore {
  /** `undefined` where there is none, or what is there is not as it was put. */
  get(key: string): Uint8Array | undefined;
  /** What cannot be kept is not: nothing depends on it. */
  put(key: string, value: Uint8Array): void;
}
