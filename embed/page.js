// The page: a picture in, the verdict out. The work is done in worker.js; what few visitors ask for comes when they do.

import "./files.js";
import { askAboutFile, startWorker } from "./answers.js";
import { allowed, listen } from "./intake.js";
import { buildBars, drawHeat, say, setBars, showVerdict } from "./verdict.js";

const $ = (id) => document.getElementById(id);
let about; // classifier.json; all below is ready for a visitor before it is here

// ---- the classifier ----

let attempts = 0;

/** Fetch classifier.json, then start the worker, which fetches the rest. */
async function begin() {
  const cache = attempts++ ? "reload" : "default"; // what came wrong once may lie in the browser's own cache
  try {
    const response = await fetch("classifier.json", { cache });
    if (!response.ok) throw new Error(`status ${response.status}`);
    about = checked(await response.json().catch(() => null));
  } catch (error) {
    const why = navigator.onLine === false ? "You seem to be offline." : `(${error.message})`;
    return showFailure(`The classifier could not be loaded. ${why}`);
  }
  buildBars(about);
  startWorker(about, cache, {
    progress: (share) => ($("progress").value = share),
    ready: () => ($("loading").hidden = true),
    failed: showFailure,
  });
}

/** A network that wants one to log in answers everything with a page of its own. */
function checked(description) {
  const { labels, thresholds, close, input } = description ?? {};
  const each = [labels, thresholds, close].every((list) => Array.isArray(list) && list.length === labels.length);
  if (!each || !(labels.length > 1) || !(input?.size > 0) || input.fill?.length !== 3) {
    throw new Error("what came is not a classifier; does this network want you to log in first?");
  }
  return description;
}

function showFailure(sentence) {
  $("status").textContent = sentence;
  $("progress").hidden = true;
  $("retry").hidden = $("loading").hidden = false;
}

$("retry").onclick = () => {
  $("status").textContent = "Fetching the classifier, once";
  $("progress").hidden = false;
  $("choose").focus();
  $("retry").hidden = true;
  begin();
};

// ---- one picture ----

let shown; // the file that is shown
let latest = 0; // which picture is shown: answers to earlier ones are ignored

/** Show a picture and what the classifier says of it. @param {Blob} file */
async function classify(file) {
  const mine = show(file);
  say("Looking…", "");
  document.body.classList.add("pending");
  try {
    const answer = await askAboutFile(file);
    if (mine === latest) showAnswer(answer);
  } catch (error) {
    if (mine === latest) showError(error.message);
  }
}

/** Show the picture in the frame, or without one the place to drop it. */
function show(file) {
  stopCamera();
  shown = file;
  $("wrong").hidden = true;
  URL.revokeObjectURL($("shown").src);
  $("shown").src = file ? URL.createObjectURL(file) : "";
  $("shown").hidden = !file;
  if (file && document.activeElement === $("drop")) $("choose").focus(); // its neighbour stays
  $("drop").hidden = Boolean(file);
  $("heat").hidden = true;
  setAnswered(null);
  for (const button of $("examples").querySelectorAll("button")) button.ariaPressed = "false";
  return ++latest;
}

function showAnswer({ width, height, prediction }) {
  showVerdict(prediction);
  drawHeat(prediction, width, height);
  setAnswered(prediction);
  showHeat();
  inSight();
  document.dispatchEvent(new CustomEvent("prediction", { detail: prediction }));
}

let answered = null; // the prediction of the picture that is shown

function setAnswered(prediction) {
  answered = prediction;
  for (const name of ["looked", "text", "card", "ask"]) $(name).disabled = !prediction;
}

function showError(sentence) {
  show();
  say("Hm.", sentence);
  setBars(null);
  inSight();
}

/** On a phone the verdict may be off the screen when an example is tapped. */
function inSight() {
  const { top, bottom } = $("said").getBoundingClientRect();
  if (top >= 0 && bottom <= innerHeight) return;
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  $("stage").scrollIntoView({ block: "start", behavior });
}

$("looked").onclick = () => {
  $("looked").ariaPressed = String($("looked").ariaPressed !== "true");
  showHeat();
};

function showHeat() {
  $("heat").hidden = $("looked").ariaPressed !== "true";
}

$("text").onclick = async () => (await load("send.js"))?.copyText(about, answered);
$("ask").onclick = async () => (await load("wrong.js"))?.ask(about, shown, answered);
$("card").onclick = async () => (await load("send.js"))?.shareCard(about, answered);

listen((files) => (files.length > 1 ? lookAtAll(files) : classify(files[0])), showError);

/** A grid of pictures, each of which opens in the frame. */
async function lookAtAll(files) {
  const many = await load("many.js");
  if (!many) return;
  if (!about) return showError("The classifier is not here yet. Try again in a moment.");
  show();
  say(`${files.length} pictures`, "Each has a tile below. Click one for its bars and where it looked.");
  setBars(null);
  many.lookAtAll(files, { about, showFile: (file, answer) => (show(file), showAnswer(answer)) });
}

// ---- the camera ----

let camera; // camera.js, once it is asked for

$("camera").hidden = !(navigator.mediaDevices?.getUserMedia && allowed("camera"));
$("alone").parentElement.hidden = self === top || !$("camera").hidden || !isSecureContext;
$("alone").href = location.href;
$("camera").onclick = async () => {
  camera ??= await load("camera.js");
  if (!about) return showError("The classifier is not here yet. Try again in a moment.");
  show();
  await camera?.open({ about, showHeat, showError, take: classify });
};

function stopCamera() {
  camera?.close();
}

// ---- what few visitors ask for ----

/** A script of this page's, or null after saying that it did not come. */
async function load(name) {
  try {
    return await import(`./${name}`);
  } catch {
    showError("That part of the page could not be fetched. Are you offline?");
    return null;
  }
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
document.documentElement.dataset.begun = ""; // from here on this file says what goes wrong, and not index.html
await begin();
if (self !== top) new ResizeObserver(announceHeight).observe(document.body);
try {
  await navigator.serviceWorker.register("service-worker.js", { updateViaCache: "none" });
} catch {
  // refused in some iframes and on plain http: then the browser's ordinary cache has to do
}
