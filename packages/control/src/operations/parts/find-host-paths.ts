import { childElements, parseXml } from "@casemate/formats";

type Element = ReturnType<typeof parseXml>;

/** Where what libvirt and QEMU bring themselves is: any VM may name it. */
const common = [
  "/usr/bin/qemu-system-",
  "/usr/libexec/qemu-kvm",
  "/usr/share/",
  "/dev/urandom",
  "/dev/random",
  "/dev/hwrng",
];

/** What people write for people. */
const prose = new Set(["title", "description", "metadata"]);

/**
 * Every file and directory of the host that a definition names, wherever it does: libvirt opens them for
 * the guest with its own rights, and gives some of them to QEMU's user.
 *
 * HOSTILE: its author wrote it. Throws `definition/malformed`.
 */
export function findHostPaths(xml: string): readonly string[] {
  const limits = { what: "a VM's definition", maxCharacters: 1024 * 1024 };
  const found = new Set<string>();
  for (const text of walkTexts(parseXml(xml, { ...limits, code: "definition/malformed" }))) {
    const path = text.trim();
    const usual = common.some((place) => path.startsWith(place)) && !path.includes("..");
    if (path.startsWith("/") && !usual) found.add(path);
  }
  return [...found];
}

function* walkTexts(element: Element): Generator<string> {
  for (const { value } of element.attributes) yield value;
  const children = childElements(element).filter(({ localName }) => !prose.has(localName ?? ""));
  if (childElements(element).length === 0) yield element.textContent ?? "";
  for (const child of children) yield* walkTexts(child);
}
