/** What is in every bundle, beside the files that its manifest lists. */
export const bundleNames = {
  manifest: "manifest.json",
  proof: "ledger/proof.json",
  checkpoint: "ledger/checkpoint",
  sums: "SHA256SUMS",
} as const;

/** The longest name that a ustar header has room for, in bytes. */
const LONGEST = 100;

/** Whether a file of a bundle may be called so: `views/kernel.json`, which leads nowhere else. */
export function isBundleName(name: string): boolean {
  return name.length <= LONGEST && /^([a-z0-9-]+\/)?[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name);
}
