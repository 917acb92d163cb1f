/** Documents of other people's formats that a scan can be. */
export const documentFormats = ["cyclonedx", "spdx", "sarif"] as const;
export type DocumentFormat = (typeof documentFormats)[number];
