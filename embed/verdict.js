// The verdict out: the word, how sure, a bar a class, and where it looked.

import { list, percent, sureness } from "./words.js";

const $ = (id) => document.getElementById(id);
const COLOURS = 5; // --bcob-class-0 ... in style.css
let about; // classifier.json

export const colour = (index) => `var(--bcob-class-${index % COLOURS})`;

/** Draw a bar a class. @param {object} description classifier.json */
export function buildBars(description) {
  about = description;
  $("looked").hidden = about.heatmap === false;
  $("bars").replaceChildren(...about.labels.map((label, index) => {
    const row = document.createElement("li");
    row.innerHTML = `<span class="name"></span><span class="share"></span>
      <span class="bar"><span class="fill"></span><span class="tick"></span></span>`;
    row.style.setProperty("--accent", colour(index));
    row.querySelector(".name").textContent = label;
    row.querySelector(".tick").style.left = `${100 * about.thresholds[index]}%`;
    return row;
  }));
}

/** A word, and words under it. */
export function say(word, words, accent = "") {
  document.body.classList.remove("pending");
  if ($("word").textContent !== word) $("word").textContent = word; // a screen reader says what has changed
  $("word").style.setProperty("--accent", accent);
  if ($("words").textContent !== words) $("words").textContent = words;
}

/** Word, sureness and bars of a prediction. */
export function showVerdict({ verdict, labels, probabilities }) {
  say(verdict, sureness(about, probabilities), accentOf(labels));
  setBars(probabilities);
}

/** The colour that stands for these labels. */
export function accentOf(labels) {
  return labels.length === 1 ? colour(about.labels.indexOf(labels[0])) : `var(--bcob-${labels.length ? "text" : "neither"})`;
}

/** @param {number[] | null} probabilities */
export function setBars(probabilities) {
  [...$("bars").children].forEach((row, i) => {
    row.querySelector(".fill").style.width = `${100 * (probabilities?.[i] ?? 0)}%`;
    row.querySelector(".share").textContent = probabilities ? `${percent(probabilities[i])} %` : "";
  });
}

/** Dark where it did not look, tinted in the colours of the classes in the verdict (of all, if neither) where it did. */
export function drawHeat({ labels, heatmap }, width, height) {
  if (!heatmap) return;
  const drawn = about.labels.flatMap((label, i) => (labels.includes(label) || labels.length === 0 ? [i] : []));
  const colours = [...document.querySelectorAll(".fill")].map((fill) =>
    getComputedStyle(fill).backgroundColor.match(/[\d.]+/g).map(Number));
  const cells = heatmap.width * heatmap.height;
  const image = new ImageData(heatmap.width, heatmap.height);
  for (let cell = 0; cell < cells; cell++) {
    const heats = drawn.map((index) => heatmap.data[index * cells + cell]);
    const heat = Math.max(...heats);
    const tint = colours[drawn[heats.indexOf(heat)]];
    const alpha = 0.75 - 0.45 * heat; // of black where cold, of the tint where hot
    image.data.set([...tint.map((value) => value * heat), 255 * alpha], cell * 4);
  }
  const map = new OffscreenCanvas(heatmap.width, heatmap.height);
  map.getContext("2d").putImageData(image, 0, 0);
  const side = Math.max(width, height), shrink = Math.min(1, 800 / side);
  const canvas = $("heat");
  canvas.width = Math.max(1, Math.round(width * shrink));
  canvas.height = Math.max(1, Math.round(height * shrink));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  // the map lies over the square, which the picture fills, or of which it is the middle
  const [across, down] = about.input.resize === "squash" ? [1, 1] : [width / side, height / side];
  context.drawImage(map, (heatmap.width * (1 - across)) / 2, (heatmap.height * (1 - down)) / 2,
    heatmap.width * across, heatmap.height * down, 0, 0, canvas.width, canvas.height);
}

/** The result in a line of text. */
export function verdictInWords({ verdict, probabilities }) {
  const shares = about.labels.map((label, i) => `${label} ${percent(probabilities[i])} %`);
  return `${verdict} (${list(shares)})`;
}
