/** What stands for a secret in templates, examples and code that gets it from elsewhere. */
const WORDS =
  /^(?:(?:my|your|the|some|new|old|user|test|db|root|admin)?[-_.]?(?:pass(?:word|wd|phrase)?|secret|token|key|api[-_]?key|credentials?)[-_.]?(?:here|1|123)?|change[-_]?(?:me|it|this).*|none|null|nil|undefined|true|false|yes|no|on|off|optional|required|sufficient|requisite|include|disabled?|enabled?|default|auto|ask|prompt|unset|empty|hidden|redacted|removed|masked|dummy|fixme|todo|string|text|file|files|value|anonymous|guest|n\/a|foo(?:bar)?|bar|baz)$/i;
/** A variable, a template's field, a path, a command whose output it is. */
const REFERENCE =
  /^(?:[$%@<{[(#&*!\\]|(?:file|env|vault|ref|secret|\/|~\/|\.\.?\/)[:/]?(?:\/|$)|\/)/i;
const EXAMPLE = /example|sample|placeholder|xxxx|your[-_]|insert[-_]|replace|\.\.\.|\*{3}|<[a-z]/i;
/** In a token's random characters a short word may be by chance, and a slash may be the first. */
const EXAMPLE_TOKEN = /example|placeholder|x{8}|your[-_]|insert[-_]/i;

/** Whether a setting's `value` stands for a secret and is none. */
export function isPlaceholder(value: string): boolean {
  if (WORDS.test(value) || REFERENCE.test(value) || EXAMPLE.test(value)) return true;
  return isRepeated(value);
}

/** Whether something in a token's own form is an example of its maker's documentation. */
export function isPlaceholderToken(value: string): boolean {
  return EXAMPLE_TOKEN.test(value) || isRepeated(value);
}

/** Of one character, or two that take turns. */
function isRepeated(value: string): boolean {
  return new Set(value).size <= 2;
}
