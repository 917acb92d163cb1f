/** Where built images and fetched kernels are kept unless told otherwise; the tests share it. */
export const labCacheDir = "/var/cache/casemate/lab";
