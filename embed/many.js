// Many pictures at once: a grid that fills as the answers come; each tile opens its full verdict in the frame above.

import { askAboutFile } from "./answers.js";
import { csv } from "./csv.js";
import { download } from "./share.js";
import { accentOf } from "./verdict.js";
import { sureness } from "./words.js";

const $ = (id) => document.getElementById(id);
const MOST = 500; // pictures in the grid
const AT_ONCE = 2; // decoded at a time: while one is looked at the next is opened
const THUMBNAIL = 240; // pixels, for tiles of 120 on a screen with two a pixel
let about, show; // from page.js
let entries = []; // {file, tile, answer?, error?, doubt}, as they were given
let waiting = [];
let running = 0;

/**
 * Add pictures to the grid.
 * @param {File[]} files
 * @param {{about: object, showFile: (file: File, answer: object) => void}} page
 */
export function lookAtAll(files, page) {
  ({ about, showFile: show } = page);
  if ($("many").hidden) build();
  const taken = files.slice(0, MOST - entries.length);
  const added = taken.map((file) => ({ file, tile: tileOf(file), doubt: Infinity }));
  entries.push(...added);
  waiting.push(...added);
  $("tiles").append(...added.map(({ tile }) => tile));
  count();
  if (taken.length < files.length) $("sum").textContent += ` ${MOST} is the most at a time: ${files.length - taken.length} were left out.`;
  $("many").scrollIntoView({ block: "start" });
  while (running < AT_ONCE) work();
}

async function work() {
  running++;
  for (let entry; (entry = waiting.shift()); ) {
    await askAboutFile(entry.file, THUMBNAIL).then((answer) => (entry.answer = answer), (error) => (entry.error = error.message));
    if (!entries.includes(entry)) continue; // the grid was closed
    fill(entry);
    count();
  }
  running--;
}

function build() {
  $("many").hidden = false;
  $("many").innerHTML = `
    <div class="tools"><p id="sum" role="status"></p>
      <label>Order <select id="order"><option value="doubt">Least sure first</option><option value="verdict">By verdict</option>
        <option value="given">As given</option></select></label>
      <button id="table" type="button">Download CSV</button><button id="shut" type="button">Close</button></div>
    <progress id="looked-at" aria-label="Pictures looked at"></progress><ul id="tiles"></ul>`;
  $("order").onchange = arrange;
  $("table").onclick = () => download(new Blob([table()], { type: "text/csv" }), "verdicts.csv");
  $("shut").onclick = () => {
    for (const { tile } of entries) URL.revokeObjectURL(tile.querySelector("img")?.src);
    [entries, waiting] = [[], []]; // two lists
    $("many").hidden = true;
    $("many").replaceChildren();
    $("choose").focus();
  };
}

function tileOf(file) {
  const tile = document.createElement("li");
  tile.innerHTML = `<button type="button" disabled><span class="thumb"></span><b>…</b><small></small></button>`;
  tile.querySelector("small").textContent = file.name;
  return tile;
}

function fill(entry) {
  const button = entry.tile.firstChild, word = button.querySelector("b");
  if (entry.error) {
    entry.tile.className = "unread";
    word.textContent = entry.error;
    return;
  }
  const { verdict, labels, probabilities } = entry.answer.prediction;
  const image = new Image();
  image.src = URL.createObjectURL(entry.answer.thumbnail);
  image.alt = "";
  delete entry.answer.thumbnail;
  button.querySelector(".thumb").append(image);
  word.textContent = verdict;
  button.style.setProperty("--accent", accentOf(labels));
  button.title = sureness(about, probabilities);
  button.disabled = false;
  button.onclick = () => {
    for (const other of $("tiles").querySelectorAll("button")) other.ariaPressed = String(other === button);
    show(entry.file, entry.answer);
  };
  // how far the nearest answer is from its threshold, as a share of what there is on that side
  entry.doubt = Math.min(...probabilities.map((p, i) => (p >= about.thresholds[i]
    ? (p - about.thresholds[i]) / (1 - about.thresholds[i]) : (about.thresholds[i] - p) / about.thresholds[i])));
}

function count() {
  const done = entries.filter(({ answer, error }) => answer || error);
  Object.assign($("looked-at"), { max: entries.length, value: done.length, hidden: done.length === entries.length });
  if (done.length < entries.length) {
    // a screen reader hears the beginning and the end
    if (!$("sum").textContent.startsWith("Looking")) $("sum").textContent = `Looking at ${entries.length} pictures…`;
    return;
  }
  const verdicts = Object.groupBy(entries, ({ answer }) => answer?.prediction.verdict ?? "not readable");
  const parts = Object.keys(verdicts).sort(byVerdict).map((verdict) => `${verdicts[verdict].length} ${verdict}`);
  $("sum").textContent = `${entries.length} pictures: ${parts.join(", ")}.`;
  arrange();
}

const rank = (verdict) => [...about.labels, "both"].indexOf(verdict) + 1 || (verdict === "neither" ? 1000 : verdict === "not readable" ? 2000 : 500);
const byVerdict = (one, other) => rank(one) - rank(other);

/** Put the tiles in the order asked for; while pictures are coming they stay where they are. */
function arrange() {
  const verdict = ({ answer }) => answer?.prediction.verdict ?? "not readable";
  const byDoubt = (one, other) => one.doubt - other.doubt || 0;
  const order = {
    doubt: byDoubt,
    verdict: (one, other) => byVerdict(verdict(one), verdict(other)) || byDoubt(one, other),
    given: () => 0,
  }[$("order").value];
  const focused = document.activeElement;
  $("tiles").append(...[...entries].sort(order).map(({ tile }) => tile));
  if (focused.closest?.("#tiles")) focused.focus({ preventScroll: true });
}

function table() {
  const rows = entries.map(({ file, answer, error }) => answer
    ? [file.name, answer.prediction.verdict, ...answer.prediction.probabilities.map((p) => +p.toFixed(4)), ""]
    : [file.name, "", ...about.labels.map(() => ""), error ?? "not looked at yet"]);
  return csv([["file", "verdict", ...about.labels, "error"], ...rows]);
}
