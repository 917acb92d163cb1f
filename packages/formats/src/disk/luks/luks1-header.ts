import type { BlockReader } from "../block-reader.ts";
import { readBytes } from "../read-bytes.ts";
import { StructTable } from "../struct-table.ts";
import { damaged } from "./luks-error.ts";
import type { LuksHeader, LuksKeyslot } from "./luks-header.ts";
import { verifyKeyslot } from "./verify-keyslot.ts";

/** LUKS1 On-Disk Format Specification 1.2.3, figure 1: the partition header, big-endian. */
const HEADER = new StructTable("LUKS1 partition header", "big", 592, {
  magic: [0, 6],
  version: [6, "u16"],
  "cipher-name": [8, 32],
  "cipher-mode": [40, 32],
  "hash-spec": [72, 32],
  "payload-offset": [104, "u32"],
  "key-bytes": [108, "u32"],
  "mk-digest": [112, 20],
  "mk-digest-salt": [132, 32],
  "mk-digest-iter": [164, "u32"],
  uuid: [168, 40],
});
/** Figure 2: a key slot. */
const KEYSLOT = new StructTable("LUKS1 key slot", "big", 48, {
  active: [0, "u32"],
  iterations: [4, "u32"],
  salt: [8, 32],
  "key-material-offset": [40, "u32"],
  stripes: [44, "u32"],
});

const KEYSLOTS_AT = 208;
const KEYSLOTS = 8;
const LUKS_KEY_ENABLED = 0x00ac_71f3;
const SECTOR = 512;

/** Reads a LUKS1 header. Throws `disk/damaged`, `disk/truncated`. */
export function readLuks1Header(volume: BlockReader): LuksHeader {
  const bytes = readBytes(volume, 0, HEADER.size, "a LUKS header");
  const raw = HEADER.parse(bytes);
  const encryption = `${text(raw["cipher-name"])}-${text(raw["cipher-mode"])}`;
  const hash = text(raw["hash-spec"]);
  const keySize = raw["key-bytes"];
  const keyslots: LuksKeyslot[] = [];
  for (let i = 0; i < KEYSLOTS; i += 1) {
    const slot = KEYSLOT.parse(bytes, KEYSLOTS_AT + i * KEYSLOT.size);
    if (slot.active !== LUKS_KEY_ENABLED) continue;
    const { iterations, salt, stripes } = slot;
    const keyslot: LuksKeyslot = {
      id: String(i),
      keySize,
      kdf: { type: "pbkdf2", hash, iterations, salt },
      stripes,
      hash,
      area: {
        offset: slot["key-material-offset"] * SECTOR,
        size: Math.ceil((keySize * stripes) / SECTOR) * SECTOR,
        encryption,
        keySize,
      },
    };
    verifyKeyslot(keyslot);
    keyslots.push(keyslot);
  }
  const offset = raw["payload-offset"] * SECTOR;
  if (offset === 0) throw damaged("data over the header", "data after it");
  return {
    version: 1,
    uuid: text(raw.uuid),
    label: "",
    encryption,
    keyslots,
    digest: {
      hash,
      iterations: raw["mk-digest-iter"],
      salt: raw["mk-digest-salt"],
      digest: raw["mk-digest"],
    },
    segment: { offset, size: undefined, sectorSize: SECTOR, ivTweak: 0 },
  };
}

/** Texts end with a zero byte. */
function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1").replace(/\0.*$/s, "");
}
