// The worker's side of the page: a picture or a camera's frame in, a promise of its prediction out.

let worker;
let number = 0;
const asked = new Map(); // id -> {message, resolve, reject}; files that are asked about again when a worker starts anew

/**
 * Start the worker, again after a failure.
 * @param {object} description classifier.json
 * @param {RequestCache} cache how the large files are asked for
 * @param {{progress: (share: number) => void, ready: () => void, failed: (sentence: string) => void}} on
 */
export function startWorker(description, cache, on) {
  // begun from a blob, because only then is a worker bound by the page's Content-Security-Policy
  const script = `import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`;
  worker?.terminate();
  worker = new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })), { type: "module" });
  worker.onmessage = ({ data }) => {
    if ("progress" in data) return on.progress(data.progress);
    if ("ready" in data) return on.ready();
    if ("failed" in data) return on.failed(data.failed);
    const question = asked.get(data.id);
    asked.delete(data.id);
    if ("error" in data) question?.reject(new Error(data.error));
    else question?.resolve(data);
  };
  worker.onerror = (event) => on.failed(`The classifier could not start. ${event.message ?? ""}`);
  worker.postMessage({ description, cache });
  for (const [id, { message, reject }] of asked) {
    if (!message.frame) worker.postMessage(message);
    else asked.delete(id), reject(new Error("The frame went with the worker before.")); // it was handed over
  }
}

/**
 * What the classifier says of a file; `thumbnail` pixels of longer side, if a small copy is wanted too.
 * @param {Blob} file
 * @param {number} [thumbnail]
 * @returns {Promise<{width: number, height: number, prediction: object, thumbnail?: Blob}>} rejects with a sentence
 */
export const askAboutFile = (file, thumbnail) => ask({ file, thumbnail });

/**
 * What the classifier says of a frame, which is handed over.
 * @param {ImageBitmap} frame
 */
export const askAboutFrame = (frame) => ask({ frame }, [frame]);

function ask(question, transfer = []) {
  return new Promise((resolve, reject) => {
    const message = { id: ++number, ...question };
    worker?.postMessage(message, transfer);
    asked.set(message.id, { message, resolve, reject });
  });
}
