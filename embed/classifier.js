// The published model in the browser: ONNX Runtime Web, one thread, no server. The twin of serving/classifier.py.

import * as ort from "./runtime/ort.wasm.bundle.min.js";
import { fitToSquare } from "./pictures.js";
import { verdictOf } from "./words.js";

/**
 * @param {object} description classifier.json
 * @param {Uint8Array} runtime onnxruntime-web's WebAssembly
 * @param {Uint8Array} model model.onnx
 */
export async function loadClassifier(description, runtime, model) {
  ort.env.wasm.numThreads = 1; // threads need headers that a plain web server does not send
  ort.env.wasm.wasmBinary = runtime;
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  return new Classifier(description, session);
}

class Classifier {
  constructor(description, session) {
    this.description = description;
    this.session = session;
  }

  /** Predict nothing in particular, so that the next prediction is quick. */
  async warmUp() {
    const nothing = await createImageBitmap(new ImageData(1, 1));
    await this.predict(nothing);
    nothing.close();
  }

  /**
   * What the classifier says of one picture; the fields are those of serving/classifier.py's Prediction.
   * heatmap: {classes, height, width, data: Float32Array in 0..1} over the square, if the model has one.
   * @param {ImageBitmap} bitmap
   * @param {string} [type] the MIME type of the file it was in
   */
  async predict(bitmap, type) {
    const { size } = this.description.input;
    const image = new ort.Tensor("uint8", fitToSquare(bitmap, this.description.input, type), [1, size, size, 3]);
    const { probabilities, heatmap } = await this.session.run({ image });
    const [, classes, height, width] = heatmap?.dims ?? [];
    return {
      ...judge(this.description, [...probabilities.data]),
      heatmap: heatmap && { classes, height, width, data: heatmap.data },
    };
  }
}

/** Probabilities -> {verdict, labels, probabilities, close}. */
export function judge({ labels, thresholds, close }, probabilities) {
  const present = labels.filter((_, i) => probabilities[i] >= thresholds[i]);
  return {
    verdict: verdictOf(present, labels),
    labels: present,
    probabilities,
    close: labels.filter((_, i) => close[i][0] <= probabilities[i] && probabilities[i] <= close[i][1]),
  };
}
