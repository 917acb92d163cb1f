import { mkdirSync, truncateSync, writeFileSync } from "node:fs";

/** Bytes that no compressor makes smaller. */
export function makeNoise(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => Math.imul(at, 0x9e37) >>> 7));
}

/** What file systems keep in ways of their own: directories with nothing and with many, nothing, holes, odd names. */
export function writeOddFiles(tree: string, { many }: { readonly many: number }): void {
  const at = (name: string) => `${tree}/${name}`;
  mkdirSync(at("etc/many"), { recursive: true });
  mkdirSync(at("empty"));
  writeFileSync(at("etc/none"), "");
  writeFileSync(at("etc/sparse"), "start");
  truncateSync(at("etc/sparse"), 9 * 1024 * 1024);
  writeFileSync(at("etc/sparse"), "end", { flag: "a" });
  writeFileSync(at("etc/größe"), "by its UTF-8 name");
  for (let i = 0; i < many; i += 1) {
    writeFileSync(at(`etc/many/${"name".repeat(20)}-${i}`), `${i}`);
  }
}
