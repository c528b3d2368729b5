// A result to send on: as text, or as a picture card drawn here. Both pages read this file; nothing is uploaded.

import { list } from "./words.js";

/** @param {{title: string, verdict: string, rows: {label: string, share: string}[], address: string}} result */
export function resultText({ title, verdict, rows, address }) {
  return `${title} ${verdict} (${list(rows.map(({ label, share }) => `${label} ${share}`))}). ${address}`;
}

/**
 * The photograph, the verdict, a bar a class and the page's address.
 * @param {CanvasImageSource & {naturalWidth: number, naturalHeight: number}} photograph
 * @param {object} result as for resultText; and accent, rows' colour and fill (0..1)
 * @param {Element} look whose --bcob- colours to wear
 * @returns {Promise<Blob>} a PNG
 */
export function drawCard(photograph, result, look) {
  const width = 1080, photo = 760, bar = 84, height = photo + 250 + result.rows.length * bar + 70;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  const colour = (name) => resolved(look, name);
  const fill = (style, ...box) => ((context.fillStyle = style), context.fillRect(...box));
  const write = (text, style, font, x, y, most) => {
    Object.assign(context, { fillStyle: style, font: `${font} system-ui, sans-serif` });
    context.fillText(text, x, y, most);
  };
  fill(colour("--bcob-background"), 0, 0, width, height);
  fill(colour("--bcob-track"), 0, 0, width, photo);
  const scale = Math.min(width / photograph.naturalWidth, photo / photograph.naturalHeight);
  const wide = photograph.naturalWidth * scale, high = photograph.naturalHeight * scale;
  context.imageSmoothingQuality = "high";
  context.drawImage(photograph, (width - wide) / 2, (photo - high) / 2, wide, high);
  write(result.title, colour("--bcob-muted"), "600 34px", 60, photo + 70, width - 120);
  write(result.verdict[0].toUpperCase() + result.verdict.slice(1), colour(result.accent), "800 104px", 60, photo + 182, width - 120);
  result.rows.forEach((row, i) => {
    const top = photo + 240 + i * bar;
    write(row.label, colour("--bcob-text"), "600 34px", 60, top + 22, 700);
    context.textAlign = "right";
    write(row.share, colour("--bcob-muted"), "400 34px", width - 60, top + 22);
    context.textAlign = "left";
    fill(colour("--bcob-track"), 60, top + 38, width - 120, 20);
    fill(colour(row.colour), 60, top + 38, (width - 120) * row.fill, 20);
  });
  write(result.address.replace(/^https?:\/\//, ""), colour("--bcob-muted"), "400 30px", 60, height - 40, width - 120);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

/** A colour as a canvas knows it: light-dark() and var() worked out. */
function resolved(look, name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  look.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Hand the card to the device's own sharing, else to the downloads: "shared", "saved", or "" if the visitor thought better. */
export async function sendCard(blob, text) {
  const file = new File([blob], "verdict.png", { type: "image/png" });
  if (navigator.canShare?.({ files: [file] })) {
    try {
      await navigator.share({ files: [file], text });
      return "shared";
    } catch (error) {
      if (error.name === "AbortError") return "";
    }
  }
  download(blob, file.name);
  return "saved";
}

/** Give the visitor a file. @param {Blob} blob */
export function download(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Say on the button for a moment what came of it. */
export function answerOn(button, words) {
  const before = (button.dataset.words ??= button.textContent);
  button.textContent = words || before;
  setTimeout(() => (button.textContent = before), 1500);
}
