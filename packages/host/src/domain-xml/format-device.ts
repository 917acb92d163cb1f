import { formatXml, makeElement } from "@casemate/formats";
import { DOMImplementation } from "@xmldom/xmldom";
import type { DeviceDefinition } from "./device-definition.ts";

/** A device as libvirt's attach takes it. */
export function formatDevice(device: DeviceDefinition): string {
  const document = new DOMImplementation().createDocument(null, "devices");
  const make = makeElement.bind(undefined, document);
  switch (device.kind) {
    case "disk": {
      const { path, block = false } = device;
      return formatXml(
        make(
          "disk",
          { type: block ? "block" : "file", device: device.device },
          make("driver", { name: "qemu", type: device.format }),
          path === undefined ? undefined : make("source", { [block ? "dev" : "file"]: path }),
          make("target", { dev: device.target, bus: device.bus }),
          device.readonly === true || device.device === "cdrom" ? make("readonly") : undefined,
          device.serial === undefined ? undefined : make("serial", {}, device.serial),
        ),
      );
    }
    case "interface": {
      const { source } = device;
      return formatXml(
        make(
          "interface",
          { type: source.kind },
          make("mac", { address: device.mac }),
          source.kind === "network"
            ? make("source", { network: source.network })
            : make("source", { bridge: source.bridge }),
          make("model", { type: device.model }),
        ),
      );
    }
  }
}
