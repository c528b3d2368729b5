// Tables to download (RFC 4180, with the mark by which Excel knows UTF-8).

/** @param {(string | number)[][]} rows @returns {string} */
export function csv(rows) {
  return "\ufeff" + rows.map((row) => row.map(field).join(",") + "\r\n").join("");
}

function field(value) {
  let text = String(value);
  if (typeof value === "string" && /^[=+@\t\r-]/.test(text)) text = `'${text}`; // no file's name is a formula
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
