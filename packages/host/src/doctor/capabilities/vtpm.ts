import { defineCapability, install } from "../capability.ts";
import { lastWords, runTool } from "../run-tool.ts";

export const vtpm = defineCapability({
  id: "vtpm",
  title: "Virtual TPMs (swtpm)",
  async probe(_context, signal) {
    const fix = install("swtpm", "swtpm-tools");
    const version = await runTool("swtpm", ["--version"], signal);
    const setup = await runTool("swtpm_setup", ["--version"], signal);
    if (version === undefined || setup === undefined) {
      const detail = `${version === undefined ? "swtpm" : "swtpm_setup"} is not installed`;
      return { state: "missing", detail, fix };
    }
    const asked = ["socket", "--tpm2", "--print-capabilities"];
    const features = await runTool("swtpm", asked, signal);
    if (features?.status !== 0) {
      const words = features === undefined ? "it is gone" : lastWords(features);
      return { state: "unusable", detail: `swtpm does not run: ${words}`, fix };
    }
    const name = /\d+\.\d+\.\d+/.exec(version.stdout)?.[0] ?? "of unknown version";
    if (!features.stdout.includes("tpm-2.0")) {
      return { state: "warning", detail: `swtpm ${name} does not say that it does TPM 2.0` };
    }
    return { state: "ok", detail: `swtpm ${name} runs and does TPM 2.0` };
  },
});
