// The page: a picture in by drop, paste, file, camera or example; the verdict out. The work is done in worker.js.

import "./files.js";

const $ = (id) => document.getElementById(id);
const COLOURS = 5; // --bcob-class-0 ... in style.css
let about; // classifier.json; all below is ready for a visitor before it is here
const colour = (index) => `var(--bcob-class-${index % COLOURS})`;

// ---- the worker ----

/** Fetch classifier.json, then start the worker, which fetches the rest. */
async function begin() {
  try {
    const response = await fetch("classifier.json");
    if (!response.ok) throw new Error(`status ${response.status}`);
    about = await response.json();
  } catch (error) {
    const why = navigator.onLine === false ? "You seem to be offline." : `(${error.message})`;
    return showFailure(`The classifier could not be loaded. ${why}`);
  }
  buildBars();
  startWorker();
}

let worker;
let latest = { id: 0 }; // {id, file}: answers to earlier pictures are ignored

function startWorker() {
  // begun from a blob, because only then is a worker bound by the page's Content-Security-Policy
  const script = `import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`;
  worker = new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })), { type: "module" });
  worker.onmessage = ({ data }) => {
    if ("progress" in data) $("progress").value = data.progress;
    else if ("ready" in data) $("loading").hidden = true;
    else if ("failed" in data) showFailure(data.failed);
    else if (data.id !== latest.id) return;
    else if ("error" in data) showError(data.error);
    else showPrediction(data);
  };
  worker.onerror = (event) => showFailure(`The classifier could not start. ${event.message ?? ""}`);
  worker.postMessage({ description: about });
  if (latest.file) worker.postMessage(latest);
}

function showFailure(sentence) {
  $("status").textContent = sentence;
  $("progress").hidden = true;
  $("retry").hidden = $("loading").hidden = false;
}

$("retry").onclick = () => {
  worker?.terminate();
  $("status").textContent = "Fetching the classifier, once";
  $("progress").hidden = false;
  $("retry").hidden = true;
  begin();
};

// ---- a picture in ----

function classify(file) {
  stopCamera();
  latest = { id: latest.id + 1, file };
  worker?.postMessage(latest);
  show(URL.createObjectURL(file));
  say("Looking…", "");
  document.body.classList.add("pending");
}

/** Show the picture in the frame, or with "" the place to drop one. */
function show(url) {
  URL.revokeObjectURL($("shown").src);
  $("shown").src = url;
  $("shown").hidden = !url;
  $("drop").hidden = Boolean(url);
  $("heat").hidden = $("looked").disabled = true;
  for (const button of $("examples").querySelectorAll("button")) button.ariaPressed = "false";
}

/** Take the picture out of what was dropped or pasted. */
function take(transfer) {
  const files = [...transfer.files];
  const file = files.find(({ type }) => type.startsWith("image/")) ?? files[0];
  if (file) classify(file);
  else if (transfer.types.length) showError("That is not a picture but text or a link. Save the picture, then drop the file.");
}

addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("dragging"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  take(event.dataTransfer);
});
addEventListener("paste", (event) => take(event.clipboardData));

$("drop").onclick = $("choose").onclick = () => $("file").click();
$("file").onchange = () => {
  if ($("file").files.length) classify($("file").files[0]);
  $("file").value = ""; // so that the same file can be chosen again
};

const allowed = (feature) => document.featurePolicy?.allowsFeature(feature) ?? true; // an iframe may lack it

$("paste").hidden = !(navigator.clipboard?.read && allowed("clipboard-read"));
$("paste").onclick = async () => {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((type) => type.startsWith("image/"));
      if (type) return classify(await item.getType(type));
    }
    showError("There is no picture in the clipboard. Copy one first.");
  } catch {
    showError("The browser does not let this page see the clipboard. Press Ctrl+V (on a Mac ⌘V) instead.");
  }
};

$("camera").hidden = !(navigator.mediaDevices?.getUserMedia && allowed("camera"));
$("camera").onclick = async () => {
  try {
    $("video").srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    return showError("There is no camera, or the browser does not let this page use it. Choose a picture instead.");
  }
  setShooting(true);
  $("shoot").focus();
};
$("shoot").onclick = () => {
  const { videoWidth: width, videoHeight: height } = $("video");
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage($("video"), 0, 0);
  canvas.toBlob(classify, "image/png");
  $("camera").focus();
};
$("cancel").onclick = () => {
  stopCamera();
  $("camera").focus();
};

function stopCamera() {
  $("video").srcObject?.getTracks().forEach((track) => track.stop());
  $("video").srcObject = null;
  setShooting(false);
}

function setShooting(on) {
  document.body.classList.toggle("shooting", on);
  $("video").hidden = $("shoot").hidden = $("cancel").hidden = !on;
}

// ---- the verdict out ----

function say(word, words, accent = "") {
  document.body.classList.remove("pending");
  $("word").textContent = word;
  $("word").style.setProperty("--accent", accent);
  $("words").textContent = words;
}

function showError(sentence) {
  latest = { id: latest.id + 1 };
  show("");
  say("Hm.", sentence);
  setBars(null);
}

function showPrediction({ width, height, prediction }) {
  const { verdict, labels, probabilities } = prediction;
  const accent = labels.length === 1 ? colour(about.labels.indexOf(labels[0])) : `var(--bcob-${labels.length ? "text" : "neither"})`;
  say(verdict, sureness(prediction), accent);
  setBars(probabilities);
  drawHeat(prediction, width, height);
  $("looked").disabled = false;
  showHeat();
  document.dispatchEvent(new CustomEvent("prediction", { detail: prediction }));
}

/** How sure, in words: the least sure of the answers, one a class. */
function sureness({ close, probabilities }) {
  if (close.length) return `A close call: ${new Intl.ListFormat("en").format(close)} could go either way.`;
  const least = Math.min(...probabilities.map((p, i) => (p >= about.thresholds[i] ? p : 1 - p)));
  return least >= 0.95 ? "Very sure." : least >= 0.8 ? "Fairly sure." : "Not very sure.";
}

function buildBars() {
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

function setBars(probabilities) {
  [...$("bars").children].forEach((row, i) => {
    row.querySelector(".fill").style.width = `${100 * (probabilities?.[i] ?? 0)}%`;
    const percent = Math.min(99, Math.max(1, Math.round(100 * probabilities?.[i]))); // nothing is certain
    row.querySelector(".share").textContent = probabilities ? `${percent} %` : "";
  });
}

// ---- where it looked ----

$("looked").onclick = () => {
  $("looked").ariaPressed = String($("looked").ariaPressed !== "true");
  showHeat();
};

function showHeat() {
  $("heat").hidden = $("looked").ariaPressed !== "true";
}

/** Dark where it did not look, tinted in the colours of the classes in the verdict (of all, if neither) where it did. */
function drawHeat({ labels, heatmap }, width, height) {
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
  const side = Math.max(width, height), scale = heatmap.width / side, shrink = Math.min(1, 800 / side);
  const canvas = $("heat");
  canvas.width = Math.max(1, Math.round(width * shrink));
  canvas.height = Math.max(1, Math.round(height * shrink));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  // the map lies over the padded square, of which the picture is the middle
  context.drawImage(map, ((side - width) / 2) * scale, ((side - height) / 2) * scale, width * scale, height * scale,
    0, 0, canvas.width, canvas.height);
}

// ---- examples, and the page around this one ----

function buildExamples() {
  const { examples } = self.FILES;
  $("examples").hidden = examples.length === 0;
  $("examples").querySelector("ul").replaceChildren(...examples.map(({ url, thumbnail }, i) => {
    const item = document.createElement("li");
    item.innerHTML = `<button type="button" aria-pressed="false"><img alt="Example ${i + 1}" width="120" height="120"></button>`;
    item.querySelector("img").src = thumbnail;
    item.firstChild.onclick = async () => {
      const response = await fetch(url).catch(() => ({ ok: false }));
      if (!response.ok) return showError("That example could not be fetched. Are you offline?");
      classify(await response.blob());
      item.firstChild.ariaPressed = "true";
    };
    return item;
  }));
}

$("snippet").textContent = $("snippet").textContent.replace("{here}", location.origin + location.pathname);
$("copy").onclick = async () => {
  try {
    await navigator.clipboard.writeText($("snippet").textContent);
    $("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren($("snippet")); // an iframe may not write to the clipboard: for the keyboard
  }
};

/** A page that holds this one in an iframe may fit it: {bcobHeight: CSS pixels}. */
function announceHeight() {
  parent.postMessage({ bcobHeight: Math.ceil(document.body.getBoundingClientRect().height) }, "*");
}

const theme = new URLSearchParams(location.search).get("__theme"); // as Gradio's pages have it
if (theme) document.documentElement.dataset.theme = theme;
buildExamples();
await begin();
if (self !== top) new ResizeObserver(announceHeight).observe(document.body);
try {
  await navigator.serviceWorker.register("service-worker.js", { updateViaCache: "none" });
} catch {
  // refused in some iframes and on plain http: then the browser's ordinary cache has to do
}
