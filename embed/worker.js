// Downloads, decodes, resizes and predicts beside the page, so that the page never freezes.
//   in:  {description, cache} once, then {id, file: Blob, thumbnail?: pixels} or {id, frame: ImageBitmap} per picture
//   out: {progress: 0..1}, {ready: true}, {failed: sentence};
//        per picture {id, width, height, prediction, thumbnail?: Blob} or {id, error: sentence}

import "./files.js";
import { loadClassifier } from "./classifier.js";
import { openPicture, PictureError } from "./pictures.js";

const HERE = new URL("./", import.meta.url);
const CACHE = `${HERE.pathname}@${self.FILES.version}`; // as in service-worker.js
let classifier;
let waiting = 0; // pictures that came before the classifier was ready

self.onmessage = async ({ data }) => {
  if (data.description) {
    classifier = load(data.description, data.cache);
    classifier.then(
      () => self.postMessage({ ready: true }),
      (error) => self.postMessage({ failed: "The model could not be loaded. " + reason(error) }),
    );
    return;
  }
  const { id, file, frame, thumbnail } = data;
  waiting++;
  let bitmap = frame;
  try {
    bitmap ??= await openPicture(file);
    const ready = await classifier.catch(() => null); // said already: the page begins again with a new worker
    if (!ready) return;
    const { width, height } = bitmap;
    const prediction = await ready.predict(bitmap, file?.type);
    const small = thumbnail && (await smallCopy(bitmap, thumbnail));
    self.postMessage({ id, width, height, prediction, thumbnail: small });
  } catch (error) {
    const sentence = error instanceof PictureError ? error.message : "That did not work: " + error.message;
    self.postMessage({ id, error: sentence });
  } finally {
    bitmap?.close();
  }
};

/** A JPEG of at most this many pixels a side, on white. */
function smallCopy(bitmap, side) {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.ceil(bitmap.width * scale), Math.ceil(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
}

function reason(error) {
  return navigator.onLine === false ? "You seem to be offline." : `(${error.message})`;
}

async function load(description, cache) {
  const { runtime, model } = self.FILES;
  const total = runtime.bytes + model.bytes;
  let received = 0;
  const count = (bytes) => self.postMessage({ progress: (received += bytes) / total });
  const [wasm, onnx] = await Promise.all([
    fetchLarge(runtime, cache, count).then(gunzip),
    fetchLarge(model, cache, count),
  ]);
  const classifier = await loadClassifier(description, wasm, onnx);
  if (!waiting) await classifier.warmUp(); // the browser compiles as it goes: the first prediction takes twice as long
  return classifier;
}

/** A large file's bytes: from the cache, else from the network and, once they are known to be right, into the cache. */
async function fetchLarge(file, how, count) {
  const url = new URL(file.url, HERE).href;
  const cache = await openCache();
  const cached = await cache?.match(url);
  if (cached) {
    const bytes = new Uint8Array(await cached.arrayBuffer());
    count(bytes.length);
    return bytes;
  }
  const response = await fetch(url, { cache: how });
  if (!response.ok) throw new Error(`${file.url}: HTTP ${response.status}`);
  const parts = [];
  const reader = response.body.getReader();
  for (let part; !(part = await reader.read()).done; ) {
    parts.push(part.value);
    count(part.value.length);
  }
  const blob = new Blob(parts);
  const bytes = new Uint8Array(await blob.arrayBuffer());
  if (!(await isRight(bytes, file))) {
    throw new Error("what came is not the file that was asked for, or not all of it; does this network want you to log in first?");
  }
  await cache?.put(url, new Response(blob)).catch(() => undefined); // a full disk is no reason to fail
  return bytes;
}

/** Whether these are the file's bytes, or those that a server has unpacked on the way. */
async function isRight(bytes, { sha256, unpacked, ...packed }) {
  if (bytes.length !== packed.bytes && bytes.length !== unpacked?.bytes) return false;
  if (!self.crypto.subtle) return true; // plain http, where there is no cache either
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hash = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hash === sha256 || hash === unpacked?.sha256;
}

/** There is none on plain http, nor in an iframe whose storage the browser denies: the page works without. */
async function openCache() {
  try {
    return await caches.open(CACHE);
  } catch {
    return undefined;
  }
}

/** Some servers send .gz files with Content-Encoding: gzip, and then the browser has unpacked them already. */
async function gunzip(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
