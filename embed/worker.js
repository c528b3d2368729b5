// Downloads, decodes, resizes and predicts beside the page, so that the page never freezes.
//   in:  {description} once, then {id, file: Blob} per picture
//   out: {progress: 0..1}, {ready: true}, {failed: sentence}; per picture {id, width, height, prediction} or {id, error}

import "./files.js";
import { loadClassifier } from "./classifier.js";
import { openPicture, PictureError } from "./pictures.js";

const HERE = new URL("./", import.meta.url);
const CACHE = `${HERE.pathname}@${self.FILES.version}`; // as in service-worker.js
let classifier;
let waiting = 0; // pictures that came before the classifier was ready

self.onmessage = async ({ data }) => {
  if (data.description) {
    classifier = load(data.description);
    classifier.then(
      () => self.postMessage({ ready: true }),
      (error) => self.postMessage({ failed: "The model could not be loaded. " + reason(error) }),
    );
    return;
  }
  const { id, file } = data;
  waiting++;
  try {
    const bitmap = await openPicture(file);
    const ready = await classifier.catch(() => null); // said already: the page begins again with a new worker
    if (!ready) return;
    const { width, height } = bitmap;
    const prediction = await ready.predict(bitmap, file.type);
    bitmap.close();
    self.postMessage({ id, width, height, prediction });
  } catch (error) {
    const sentence = error instanceof PictureError ? error.message : "That did not work: " + error.message;
    self.postMessage({ id, error: sentence });
  }
};

function reason(error) {
  return navigator.onLine === false ? "You seem to be offline." : `(${error.message})`;
}

async function load(description) {
  const { runtime, model } = self.FILES;
  const total = runtime.bytes + model.bytes;
  let received = 0;
  const count = (bytes) => self.postMessage({ progress: (received += bytes) / total });
  const [wasm, onnx] = await Promise.all([fetchLarge(runtime.url, count).then(gunzip), fetchLarge(model.url, count)]);
  const classifier = await loadClassifier(description, wasm, onnx);
  if (!waiting) await classifier.warmUp(); // the browser compiles as it goes: the first prediction takes twice as long
  return classifier;
}

/** A large file's bytes: from the cache, else from the network and into the cache, whose keys carry the file's hash. */
async function fetchLarge(name, count) {
  const url = new URL(name, HERE).href;
  const cache = await openCache();
  const cached = await cache?.match(url);
  if (cached) {
    const bytes = new Uint8Array(await cached.arrayBuffer());
    count(bytes.length);
    return bytes;
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${name}: HTTP ${response.status}`);
  const parts = [];
  const reader = response.body.getReader();
  for (let part; !(part = await reader.read()).done; ) {
    parts.push(part.value);
    count(part.value.length);
  }
  const blob = new Blob(parts);
  await cache?.put(url, new Response(blob)).catch(() => undefined); // a full disk is no reason to fail
  return new Uint8Array(await blob.arrayBuffer());
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
