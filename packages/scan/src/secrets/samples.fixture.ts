import fc from "fast-check";
import { entropy } from "./entropy.ts";

/** A text with a secret in it, and how many of the secret's first characters every one of its kind has. */
export interface PlantedSecret {
  readonly rule: string;
  readonly path: string;
  readonly text: string;
  readonly secret: string;
  readonly fixed: number;
}

type Sample = readonly [
  rule: string,
  prefix: string,
  alphabet: string,
  length: number,
  before?: string,
  after?: string,
  path?: string,
];

const HEX = "0123456789abcdef";
const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BASE32 = `${UPPER}234567`;
const BASE62 = `${UPPER}${UPPER.toLowerCase()}0123456789`;

/** One of each rule, as its maker writes them. */
const SAMPLES: readonly Sample[] = [
  ["aws-access-key", "AKIA", BASE32, 16],
  ["aws-secret-key", "", `${BASE62}+/`, 40, "aws_secret_access_key = "],
  ["azure-storage-key", "", BASE62, 86, "AccountName=x;AccountKey=", "==;EndpointSuffix=y"],
  ["google-api-key", "AIza", BASE62, 35],
  ["google-oauth-secret", "GOCSPX-", BASE62, 28],
  ["digitalocean-token", "dop_v1_", HEX, 64],
  ["github-token", "ghp_", BASE62, 36],
  ["github-fine-grained-token", "github_pat_", BASE62, 82],
  ["gitlab-token", "glpat-", BASE62, 20],
  ["atlassian-token", "ATATT3", BASE62, 186],
  ["npm-token", "npm_", BASE62, 36],
  ["pypi-token", "pypi-AgE", BASE62, 120],
  ["rubygems-token", "rubygems_", HEX, 48],
  ["docker-token", "dckr_pat_", BASE62, 27],
  ["slack-token", "xoxb-", BASE62, 48],
  ["slack-webhook", "T01234567/B01234567/", BASE62, 24, "https://hooks.slack.com/services/"],
  ["discord-webhook", "", BASE62, 68, "https://discord.com/api/webhooks/123456789012345678/"],
  ["telegram-token", "123456789:", BASE62, 35, "https://api.telegram.org/bot", "/getMe"],
  ["stripe-key", "sk_live_", BASE62, 24],
  ["openai-key", "sk-proj-", BASE62, 120],
  ["anthropic-key", "sk-ant-api03-", BASE62, 95],
  ["vault-token", "hvs.", BASE62, 90],
  ["grafana-token", "glsa_", BASE62, 41],
  ["tailscale-key", "tskey-auth-", BASE62, 32],
  ["age-key", "AGE-SECRET-KEY-1", BASE32, 58],
  ["json-web-token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0abc.", BASE62, 43, "Bearer "],
  ["url-password", "", BASE62, 20, "https://user:", "@host.test/x"],
  ["password-setting", "", BASE62, 20, "db.password = ", "", "/etc/app.conf"],
  ["secret-setting", "", BASE62, 32, "client_secret: '", "'", "/srv/app/config.yaml"],
  ["netrc-password", "", BASE62, 20, "machine a login b password ", "", "/root/.netrc"],
  ["docker-registry-auth", "", BASE62, 28, '"auth": "', '"', "/root/.docker/config.json"],
  ["kubernetes-client-key", "", BASE62, 96, "client-key-data: ", "", "/root/.kube/config"],
  ["kubernetes-token", "", BASE62, 64, "    token: ", "", "/root/.kube/config"],
  ["wireguard-key", "", BASE62, 43, "PrivateKey = ", "=", "/etc/wireguard/wg0.conf"],
  ["wireless-passphrase", "", BASE62, 20, "psk=", "", "/etc/wpa_supplicant/w.conf"],
  ["sshpass-password", "", BASE62, 20, "sshpass -p '", "' ssh a@b", "/root/.bash_history"],
  ["curl-password", "", BASE62, 20, "curl -s -u me:", " http://a/", "/root/.bash_history"],
  ["mysql-password", "", BASE62, 20, "mysql -u root -p", " shop", "/root/.bash_history"],
  ["pgpass-password", "", BASE62, 20, "db:5432:shop:me:", "", "/home/a/.pgpass"],
  ["htpasswd-hash", "$apr1$", BASE62, 31, "me:", "", "/etc/nginx/.htpasswd"],
  ["ppp-secret", "", BASE62, 20, 'me * "', '" *', "/etc/ppp/chap-secrets"],
  ["vault-token-file", "", BASE62, 26, "", "", "/root/.vault-token"],
];

/** The rules that have a sample. */
export const sampledRules: readonly string[] = SAMPLES.map(([rule]) => rule);

/** Random secrets of every rule. */
export const plantedSecrets: fc.Arbitrary<PlantedSecret> = fc
  .constantFrom(...SAMPLES)
  .chain(([rule, prefix, alphabet, length, before = "", after = "", path = "/srv/notes.txt"]) =>
    fc
      .array(fc.constantFrom(...alphabet), { minLength: length, maxLength: length })
      // What has little entropy is a placeholder, and not what this is about.
      .filter((all) => entropy(all.join("")) > 0.85 * Math.log2(Math.min(length, alphabet.length)))
      .map((all) => {
        const secret = `${prefix}${all.join("")}`;
        return { rule, path, text: `${before}${secret}${after}`, secret, fixed: prefix.length };
      }),
  );
