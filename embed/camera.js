// The camera, live: the newest frame is looked at, one at a time, and what is shown is a short running mean.

import { askAboutFrame } from "./answers.js";
import { allowed } from "./intake.js";
import { drawHeat, say, showVerdict } from "./verdict.js";
import { verdictOf } from "./words.js";

const $ = (id) => document.getElementById(id);
const MEMORY = 400; // milliseconds after which a frame counts for a third (1/e)
let stream; // while the camera is on
let page; // {about, showHeat, showError, take}, from page.js

/** Turn the camera on and say what it sees until `close`. */
export async function open(from, facing = "environment", device) {
  page = from;
  const size = { width: { ideal: 640 }, height: { ideal: 480 } }; // the classifier's input is smaller still
  const which = device ? { deviceId: { exact: device } } : { facingMode: facing };
  let opened;
  try {
    opened = await navigator.mediaDevices.getUserMedia({ video: { ...size, ...which } });
  } catch (error) {
    return page.showError(whyNot(error));
  }
  close();
  stream = opened;
  const [track] = stream.getVideoTracks();
  track.onended = () => stop("The camera has gone. Plug it in or choose another, then press Camera again.");
  $("video").srcObject = stream;
  show(true);
  $("frame").classList.toggle("mirrored", track.getSettings().facingMode === "user");
  $("shoot").focus();
  say("Looking…", "");
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter(({ kind }) => kind === "videoinput");
  $("turn").hidden = cameras.length < 2;
  $("turn").onclick = () => turn(track, cameras);
  await watch(stream);
}

/** Front to back, or where the browser does not say which is which, on to the next camera. */
function turn(track, cameras) {
  const { facingMode, deviceId } = track.getSettings();
  close(); // a phone gives one camera at a time
  if (facingMode) return open(page, facingMode === "user" ? "environment" : "user");
  const at = cameras.findIndex((camera) => camera.deviceId === deviceId);
  return open(page, "", cameras[(at + 1) % cameras.length].deviceId);
}

/** Free the camera. */
export function close() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = $("video").srcObject = null;
  show(false);
}

/** Free the camera and say why. */
function stop(sentence) {
  if (!stream) return;
  close();
  page.showError(sentence);
}

function show(on) {
  document.body.classList.toggle("shooting", on);
  if (!on && document.activeElement.matches("#shoot, #turn, #cancel")) $("camera").focus(); // these are about to go
  $("video").hidden = $("shoot").hidden = $("cancel").hidden = $("rate").hidden = !on;
  $("turn").hidden = true;
  $("frame").classList.remove("mirrored");
  $("rate").textContent = "";
  $("words").ariaLive = on ? "off" : null; // the word is enough while it moves
  if (on) $("heat").hidden = true;
}

const OUT_OF_SIGHT = "The camera was turned off when it went out of sight.";
document.addEventListener("visibilitychange", () => document.hidden && stop(OUT_OF_SIGHT));
addEventListener("pagehide", close);
new IntersectionObserver(([{ isIntersecting }]) => isIntersecting || stop(OUT_OF_SIGHT)).observe($("frame"));

$("cancel").onclick = () => {
  close();
  say("Well?", "The camera is off.");
};
$("shoot").onclick = () => {
  const { videoWidth: width, videoHeight: height } = $("video");
  if (!width) return; // not a frame yet
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage($("video"), 0, 0);
  canvas.toBlob((blob) => page.take(new File([blob], "camera.png", { type: blob.type })), "image/png");
};

/** Ask about one frame at a time, the newest. */
async function watch(mine) {
  const mean = new RunningMean(page.about);
  const next = frames($("video"), () => stream === mine);
  const times = [];
  while (stream === mine) {
    await next();
    const frame = await createImageBitmap($("video")).catch(() => null); // the first may be on its way
    if (!frame || stream !== mine) continue;
    const answer = await askAboutFrame(frame).catch(() => null); // the worker began anew
    if (!answer || stream !== mine) continue;
    const now = performance.now(), steady = mean.add(answer.prediction.probabilities, now);
    showVerdict(steady);
    drawHeat({ ...steady, heatmap: answer.prediction.heatmap }, answer.width, answer.height);
    $("looked").disabled = false;
    page.showHeat();
    times.push(now);
    while (times[0] < now - 2000) times.shift();
    if (times.length > 2) $("rate").textContent = rate(((times.length - 1) * 1000) / (now - times[0]));
    document.dispatchEvent(new CustomEvent("frame", { detail: { ...answer.prediction, steady } }));
  }
}

const rate = (a) => `${a < 10 ? a.toFixed(1) : Math.round(a)} looks a second`;

/** A function that waits for a frame that was not there at its last call. */
function frames(video, on) {
  let fresh = false, wake;
  const ask = (then) => (video.requestVideoFrameCallback ? video.requestVideoFrameCallback(then) : requestAnimationFrame(then));
  const arrived = () => {
    fresh = true;
    wake?.();
    if (on()) ask(arrived);
  };
  ask(arrived);
  return async () => {
    // a camera that was closed sends no more: look up now and then
    while (!fresh && on()) await new Promise((resolve) => ((wake = resolve), setTimeout(resolve, 500)));
    fresh = false;
  };
}

/** The mean of the last frames, in which a label comes at its threshold and goes only well below: no flicker. */
export class RunningMean {
  constructor(about) {
    this.about = about;
    this.labels = [];
  }

  /**
   * @param {number[]} probabilities of one frame
   * @param {number} now milliseconds
   * @returns {{verdict: string, labels: string[], probabilities: number[]}}
   */
  add(probabilities, now) {
    const weight = this.mean ? 1 - Math.exp((this.last - now) / MEMORY) : 1;
    this.mean = probabilities.map((p, i) => weight * p + (1 - weight) * (this.mean?.[i] ?? 0));
    this.last = now;
    const { labels, thresholds, close } = this.about;
    const before = this.labels;
    this.labels = labels.filter((label, i) => {
      const leaves = (thresholds[i] + Math.min(thresholds[i], close[i][0])) / 2; // half way down the close calls
      return this.mean[i] >= (before.includes(label) ? leaves : thresholds[i]);
    });
    return { verdict: verdictOf(this.labels, labels), labels: this.labels, probabilities: this.mean };
  }
}

/** What to do about a camera that does not come, in a sentence. */
function whyNot({ name }) {
  const alone = self === top ? "" : " If it does not ask, the page around this one forbids it: open this one on its own.";
  if (!allowed("camera")) return "The page around this one keeps the camera from it (its iframe lacks allow=\"camera\"). Open this page on its own.";
  if (name === "NotAllowedError") return `The browser keeps the camera from this page. Allow it beside the address, then press Camera again.${alone}`;
  if (name === "NotReadableError" || name === "AbortError") return "Another program has the camera. Close it there, then press Camera again.";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "There is no camera here. Choose a picture instead.";
  return "The camera did not start. Choose a picture instead.";
}
