// JSON as Go's encoding/json writes it: what scripts that read JuiceFS's output expect, byte for byte.

const escapes: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

function goString(text: string): string {
  return JSON.stringify(text).replaceAll(/[<>&\u2028\u2029]/g, (char) => escapes[char] as string);
}

/** The text of json.MarshalIndent(value, "", indent), with an empty list as []. Members that are undefined
 *  are left out; a bigint is written as the number it is. */
export function goJson(value: unknown, indent: string, margin = ""): string {
  if (typeof value === "string") return goString(value);
  if (typeof value === "bigint" || typeof value === "number" || typeof value === "boolean") {
    return String(value);
  }
  if (value === null || value === undefined || typeof value !== "object") return "null";
  const inner = margin + indent;
  const isList = Array.isArray(value);
  const lines = isList
    ? value.map((item: unknown) => goJson(item, indent, inner))
    : Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .map(([name, member]) => `${goString(name)}: ${goJson(member, indent, inner)}`);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (lines.length === 0) return open + close;
  return `${open}\n${lines.map((line) => inner + line).join(",\n")}\n${margin}${close}`;
}
