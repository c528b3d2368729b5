// The page: a picture in by drop, paste, file, camera or example; the verdict out. The work is done in worker.js.

import "./files.js";

const $ = (id) => document.getElementById(id);
const COLOURS = 6; // --bcob-class-0 ... in style.css
const about = await (await fetch("classifier.json")).json();
const colour = (label) => `var(--bcob-class-${about.labels.indexOf(label) % COLOURS})`;
const percent = (probability) => `${Math.round(probability * 100)} %`;

let worker;
let current = { id: 0 }; // the picture on show: {id, file, prediction}; answers to earlier ones are ignored

// ---- the worker ----

function startWorker() {
  // begun from a blob, because only then is a worker bound by the page's Content-Security-Policy
  const script = `import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`;
  worker = new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })), { type: "module" });
  worker.onmessage = ({ data }) => {
    if ("progress" in data) $("progress").value = data.progress;
    else if ("ready" in data) $("loading").hidden = true;
    else if ("failed" in data) showFailure(data.failed);
    else if (data.id !== current.id) return;
    else if ("error" in data) showError(data.error);
    else showPrediction(data);
  };
  worker.onerror = (event) => showFailure(`The classifier could not start. ${event.message ?? ""}`);
  worker.postMessage({ description: about });
  if (current.file) worker.postMessage({ id: current.id, file: current.file });
}

function showFailure(sentence) {
  $("progress").hidden = true;
  $("status").textContent = sentence;
  $("retry").hidden = false;
}

$("retry").onclick = () => {
  worker.terminate();
  $("progress").hidden = false;
  $("progress").value = 0;
  $("retry").hidden = true;
  $("status").textContent = "Loading the model";
  startWorker();
};

// ---- a picture in ----

function classify(file) {
  stopCamera();
  current = { id: current.id + 1, file };
  worker.postMessage({ id: current.id, file });
  URL.revokeObjectURL($("shown").src);
  $("shown").src = URL.createObjectURL(file);
  $("shown").hidden = false;
  $("drop").hidden = true;
  $("heat").hidden = true;
  $("looked").disabled = true;
  $("choose").textContent = "Another picture";
  markExample(null);
  setVerdict("waiting", "Looking …", "");
}

const isPicture = (file) => file.type.startsWith("image/") || file.type === "";

/** Take the picture out of what was dropped or pasted. */
function take(transfer) {
  const files = [...transfer.files];
  const file = files.find(isPicture) ?? files[0];
  if (file) classify(file);
  else if (transfer.getData("text")) {
    showError("That is text or a link, and this page loads nothing from elsewhere. Save the picture and drop the file.");
  }
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

for (const id of ["drop", "choose"]) $(id).onclick = () => $("file").click();
$("file").onchange = () => {
  if ($("file").files.length) classify($("file").files[0]);
  $("file").value = ""; // so that the same file can be chosen again
};

const allows = (feature) => document.featurePolicy?.allowsFeature(feature) ?? true; // an iframe may forbid it

$("paste").hidden = !(navigator.clipboard?.read && allows("clipboard-read"));
$("paste").onclick = async () => {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((type) => type.startsWith("image/"));
      if (type) return classify(await item.getType(type));
    }
    showError("There is no picture in the clipboard. Copy one first.");
  } catch {
    showError("The browser does not let this page see the clipboard. Press Ctrl+V (or ⌘V) instead.");
  }
};

// ---- the camera ----

$("camera").hidden = !(navigator.mediaDevices?.getUserMedia && allows("camera"));
$("camera").onclick = async () => {
  try {
    $("video").srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    setCamera(true);
    $("shoot").focus();
  } catch (error) {
    showError(error.name === "NotFoundError" ? "No camera was found." : "The browser does not let this page use the camera.");
  }
};
$("shoot").onclick = () => {
  const { videoWidth: width, videoHeight: height } = $("video");
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage($("video"), 0, 0);
  canvas.toBlob(classify, "image/png");
};
$("cancel").onclick = stopCamera;

function stopCamera() {
  $("video").srcObject?.getTracks().forEach((track) => track.stop());
  $("video").srcObject = null;
  setCamera(false);
}

function setCamera(on) {
  for (const id of ["video", "shoot", "cancel"]) $(id).hidden = !on;
  for (const id of ["choose", "camera", "paste"]) $(id).classList.toggle("aside", on);
}

// ---- the verdict out ----

function setVerdict(kind, text, remark, accent = "") {
  $("verdict").className = kind;
  $("verdict").textContent = text;
  $("verdict").style.setProperty("--accent", accent);
  $("remark").textContent = remark;
}

function showError(sentence) {
  setVerdict("error", sentence, "");
  setBars(null);
}

function showPrediction({ width, height, prediction }) {
  const { verdict, labels, close, probabilities } = prediction;
  const accent = labels.length === 0 ? "var(--bcob-neither)" : labels.length === 1 ? colour(labels[0]) : "";
  setVerdict("answered", verdict, remark(prediction), accent);
  setBars(probabilities);
  drawHeat(prediction, width, height);
  $("looked").disabled = false;
  showHeat();
  document.dispatchEvent(new CustomEvent("prediction", { detail: { verdict, labels, close, probabilities } }));
}

function remark({ labels, close, probabilities }) {
  if (close.length) {
    const lines = close.map((label) => {
      const i = about.labels.indexOf(label);
      return `${percent(probabilities[i])} ${label} where the line is at ${percent(about.thresholds[i])}`;
    });
    return `A close call: ${list(lines)}.`;
  }
  if (labels.length === 0) return `No ${about.labels.join(", no ")}.`;
  return labels.length === 1 ? "" : `${list(labels)}.`;
}

const list = (items) => new Intl.ListFormat("en").format(items);

function buildBars() {
  $("bars").replaceChildren(...about.labels.map((label, i) => {
    const bar = document.createElement("div");
    bar.className = "bar";
    bar.style.setProperty("--accent", colour(label));
    bar.innerHTML = `<div class="name"><span></span><span class="value"></span></div>
      <div class="track" role="meter" aria-valuemin="0" aria-valuemax="100" aria-valuenow="0">
      <div class="fill"></div><div class="tick"></div></div>`;
    bar.querySelector(".name span").textContent = label;
    bar.querySelector(".track").setAttribute("aria-label", label);
    bar.querySelector(".tick").style.left = `${about.thresholds[i] * 100}%`;
    bar.querySelector(".tick").title = `said to be there from ${percent(about.thresholds[i])}`;
    return bar;
  }));
}

function setBars(probabilities) {
  [...$("bars").children].forEach((bar, i) => {
    const probability = probabilities?.[i] ?? 0;
    bar.querySelector(".value").textContent = probabilities ? percent(probability) : "";
    bar.querySelector(".fill").style.width = `${probability * 100}%`;
    bar.querySelector(".track").ariaValueNow = Math.round(probability * 100);
    bar.querySelector(".track").ariaValueText = probabilities ? percent(probability) : "not known yet";
  });
}

// ---- where it looked ----

$("looked").onclick = () => {
  $("looked").ariaPressed = String($("looked").ariaPressed !== "true");
  showHeat();
};

function showHeat() {
  $("heat").hidden = $("looked").ariaPressed !== "true" || $("looked").disabled;
}

/** The heat of the classes found (of the likeliest if there is none), in their colours; the rest is dimmed. */
function drawHeat({ labels, probabilities, heatmap }, width, height) {
  const likeliest = about.labels[probabilities.indexOf(Math.max(...probabilities))];
  const drawn = (labels.length ? labels : [likeliest]).map((label) => about.labels.indexOf(label));
  const colours = [...$("bars").children].map((bar) =>
    getComputedStyle(bar.querySelector(".fill")).backgroundColor.match(/[\d.]+/g).map(Number));
  const cells = heatmap.width * heatmap.height;
  const image = new ImageData(heatmap.width, heatmap.height);
  for (let cell = 0; cell < cells; cell++) {
    const heats = drawn.map((index) => heatmap.data[index * cells + cell]);
    const heat = Math.max(...heats);
    const [red, green, blue] = colours[drawn[heats.indexOf(heat)]].map((value) => value * heat);
    image.data.set([red, green, blue, 255 * 0.6], cell * 4);
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

// ---- examples, about, and the page around this one ----

function buildExamples() {
  $("examples").hidden = self.FILES.examples.length === 0;
  $("examples").querySelector("ul").replaceChildren(...self.FILES.examples.map(({ url, thumbnail }, i) => {
    const item = document.createElement("li");
    item.innerHTML = `<button type="button" aria-pressed="false"><img alt="Example ${i + 1}" width="84" height="84"></button>`;
    item.querySelector("img").src = thumbnail;
    item.querySelector("button").onclick = async () => {
      try {
        const response = await fetch(url);
        if (!response.ok) throw new Error(`HTTP ${response.status}`);
        classify(await response.blob());
        markExample(item);
      } catch {
        showError("This example could not be fetched. Are you offline?");
      }
    };
    return item;
  }));
}

function markExample(chosen) {
  for (const item of $("examples").querySelectorAll("li")) item.firstChild.ariaPressed = String(item === chosen);
}

/** The page around an iframe may fit it: {type: "beercan-or-bacon", height: CSS pixels}. */
function announceHeight() {
  const announce = () =>
    parent.postMessage({ type: "beercan-or-bacon", height: Math.ceil(document.body.getBoundingClientRect().height) }, "*");
  new ResizeObserver(announce).observe(document.body);
}

const theme = new URLSearchParams(location.search).get("__theme"); // as Gradio's pages have it
if (theme) document.documentElement.dataset.theme = theme;
buildBars();
setBars(null);
setVerdict("waiting", "Show it a picture", "");
buildExamples();
startWorker();
if (self !== top) {
  document.documentElement.classList.add("embedded");
  announceHeight();
}
// denied in some iframes and on plain http: then the browser's ordinary cache has to do
navigator.serviceWorker?.register("service-worker.js", { updateViaCache: "none" }).catch(() => undefined);
