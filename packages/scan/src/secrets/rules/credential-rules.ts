import type { SecretRule } from "../secret-rule.ts";

/** Files that settings are kept in, by name; code says `password =` of variables. */
const CONFIGURATION =
  /(?:\.(?:conf|cnf|cfg|config|ini|env|properties|ya?ml|json|toml|xml|tfvars|tfstate|nmconnection|netdev|service|dat|cred|auth|list)|\/\.env(?:\.[\w-]+)?|\/[\w.-]*(?:_history|rc|secret|passwd|password|credentials?)|\/(?:environment|auth|login|conf|config|settings))$|^\/etc\/(?!ssl\/certs\/)|^\/var\/lib\/cloud\//i;
/** Files of commands. */
const COMMANDS =
  /_history$|\/fish_history$|\.(?:sh|bash|zsh|service|conf)$|^\/etc\/cron|\/cron\/crontabs\//;

/** Passwords by the name beside them, of forms that many programs share. */
export const credentialRules: readonly SecretRule[] = [
  {
    id: "url-password",
    description: "password in a URL (RFC 3986, 3.2.1)",
    severity: "high",
    // The last character of http, https, ftp, ssh, redis, amqp, mysql, ldap, smtp, mongodb, mongodb+srv.
    keywords: ["p://", "s://", "h://", "t://", "l://", "b://", "v://"],
    pattern: /[a-z]:\/\/[^\s:@/"'<>`\\]{1,64}:(?<secret>[^\s:@/"'<>`\\]{3,128})@[\w[]/iy,
  },
  {
    id: "password-setting",
    description: "password in a configuration",
    severity: "high",
    keywords: ["password", "passwd", "passphrase"],
    pattern:
      /pass(?:word|wd|phrase)[\w.-]{0,16}["']?[ \t]{0,16}(?:=>?|:)[ \t]{0,16}["']?(?<secret>[^\s"'`,;<>(){}]{6,128})/iy,
    files: CONFIGURATION,
    entropy: 1.9,
  },
  {
    id: "secret-setting",
    description: "secret or token in a configuration",
    severity: "high",
    keywords: [
      "secret",
      "api_key",
      "apikey",
      "api-key",
      "access_token",
      "auth_token",
      "_authToken",
    ],
    pattern:
      /(?:secret|api[_-]?key|(?:access|auth)_?token)[\w.-]{0,16}["']?[ \t]{0,16}(?:=>?|:)[ \t]{0,16}["']?(?<secret>[^\s"'`,;<>(){}]{12,256})/iy,
    files: CONFIGURATION,
    entropy: 3.2,
  },
  {
    id: "netrc-password",
    description: "password of .netrc (ftp(1))",
    severity: "high",
    keywords: ["password"],
    pattern: /password\s{1,16}(?<secret>\S{1,128})/y,
    files: /\/[._]netrc$|^\/etc\/apt\/auth\.conf(?:\.d\/[^/]+)?$/,
  },
  {
    id: "docker-registry-auth",
    description: "login of a container registry",
    severity: "high",
    keywords: ['"auth"', '"identitytoken"'],
    pattern: /"(?:auth|identitytoken)"\s{0,16}:\s{0,16}"(?<secret>[\w+/=.-]{8,2048})"/y,
    files: /\/(?:\.docker\/config\.json|\.dockercfg|containers\/auth\.json|kubelet\/config\.json)$/,
  },
  {
    id: "kubernetes-client-key",
    description: "client key of a Kubernetes configuration",
    severity: "critical",
    keywords: ["client-key-data"],
    pattern: /client-key-data["']?:\s{0,8}["']?(?<secret>[A-Za-z0-9+/]{64,4000}={0,2})/y,
    entropy: 4,
  },
  {
    id: "kubernetes-token",
    description: "token of a Kubernetes configuration",
    severity: "critical",
    keywords: ["token:"],
    pattern: /token:[ \t]{1,8}["']?(?<secret>[\w.-]{16,3000})/y,
    files: /\/\.kube\/|\/kubeconfig$|\.kubeconfig$|^\/etc\/(?:kubernetes|rancher)\//,
    entropy: 3,
  },
  {
    id: "wireguard-key",
    description: "private key of WireGuard",
    severity: "high",
    keywords: ["PrivateKey", "PresharedKey", "private-key"],
    pattern:
      /(?:Private|Preshared|private-)[Kk]ey[ \t]{0,8}=[ \t]{0,8}(?<secret>[A-Za-z0-9+/]{43})=/y,
    entropy: 3.5,
  },
  {
    id: "wireless-passphrase",
    description: "passphrase of a wireless network",
    severity: "medium",
    keywords: ["psk=", "wpa-psk"],
    pattern: /(?:psk=|wpa-psk[ \t]{1,8})["']?(?<secret>[^\s"']{8,64})/y,
    files:
      /wpa_supplicant|NetworkManager\/system-connections|\/network\/interfaces|\.nmconnection$/,
  },
  {
    id: "sshpass-password",
    description: "password given to sshpass",
    severity: "high",
    keywords: ["sshpass"],
    pattern: /sshpass[ \t]{1,4}-p[ \t]{0,4}["']?(?<secret>[^\s"'$]{3,128})/y,
    files: COMMANDS,
  },
  {
    id: "curl-password",
    description: "password given to curl",
    severity: "high",
    keywords: ["curl "],
    pattern:
      /curl[^\n|;&]{0,200}?[ \t](?:-u|--user)[ \t=]{0,4}["']?[^\s:"'$]{1,64}:(?<secret>[^\s"'$]{3,128})/y,
    files: COMMANDS,
  },
  {
    id: "mysql-password",
    description: "password given to MySQL's programs",
    severity: "high",
    keywords: ["mysql", "mariadb"],
    pattern: /(?:mysql|mariadb)[^\n|;&]{0,200}?[ \t]-p["']?(?<secret>[^\s"'$-][^\s"'$]{2,127})/y,
    files: COMMANDS,
  },
];
