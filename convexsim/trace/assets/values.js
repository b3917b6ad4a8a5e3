// How values are spelled: as in the story, with names for ids. Next: panel.js.

const PLAIN_FIELD = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
const ID = /(?<![0-9A-Za-z])[0-9a-hjkmnp-tv-z]{31,37}(?![0-9A-Za-z])/g;

const spell = (value, names) => {
  if (typeof value === "string") return names.get(value) ?? JSON.stringify(named(value, names));
  if (Array.isArray(value)) return `[${value.map((item) => spell(item, names)).join(", ")}]`;
  if (value === null || typeof value !== "object") return String(value);
  const fields = Object.entries(value);
  if (fields.length === 1 && fields[0][0] in ESCAPES) return ESCAPES[fields[0][0]](fields[0][1]);
  const spelled = ([name, item]) => `${PLAIN_FIELD.test(name) ? name : JSON.stringify(name)}: ${spell(item, names)}`;
  return `{${fields.map(spelled).join(", ")}}`;
};

const named = (text, names) => text.replace(ID, (id) => names.get(id) ?? id);

/** What JSON cannot say travels as an object with a single $ field. */
const ESCAPES = {
  $integer: (text) => `${view(text).getBigInt64(0, true)}n`,
  $float: (text) => (Object.is(view(text).getFloat64(0, true), -0) ? "-0" : String(view(text).getFloat64(0, true))),
  $bytes: (text) => `bytes(${text})`,
  $undefined: () => "undefined",
  __proto__: null,
};

const view = (base64) => new DataView(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)).buffer);

const milliseconds = (ms) => `${Math.round(ms * 1000) / 1000} ms`;
