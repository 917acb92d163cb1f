/** What probes need to know of the installation. */
export interface DoctorContext {
  /** Where Casemate keeps its data; need not exist. */
  readonly dataDirectory: string;
}

/**
 * What a probe found. `ok`: it works, tried for real. `missing`: it is not installed. `unusable`: it is
 * there and does not work. `warning`: it works, and something about it should be known.
 */
export type CapabilityReport =
  | { readonly state: "ok"; readonly detail: string }
  | {
      readonly state: "missing" | "unusable" | "warning";
      /** What was seen, without a full stop at its end. */
      readonly detail: string;
      /** The command that fixes it, where one does. */
      readonly fix?: string;
    };

/** Something a host can or cannot do. */
export interface Capability {
  /** Stable, for scripts: `kvm`. */
  readonly id: string;
  /** For people: `Hardware acceleration (KVM)`. */
  readonly title: string;
  /** Tries it; what it throws becomes `unusable`. */
  readonly probe: (context: DoctorContext, signal: AbortSignal) => Promise<CapabilityReport>;
}

export const defineCapability = (capability: Capability): Capability => capability;

/** A command that only root may run, as this user would type it. */
export const asRoot = (command: string): string =>
  process.geteuid?.() === 0 ? command : `sudo ${command}`;

/** The command that installs Debian packages. */
export const install = (...packages: readonly string[]): string =>
  asRoot(`apt-get install -y ${packages.join(" ")}`);
