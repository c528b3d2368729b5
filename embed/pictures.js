// Any file -> an upright picture -> the graph's input. The browser's twin of serving/pictures.py and fit_to_square.

/** A file that is not a picture this browser can read; the message is a sentence for the person who gave it. */
export class PictureError extends Error {}

/**
 * Decode the first frame, EXIF rotation applied, colours as stored (no colour management, as Pillow has none).
 * @param {Blob} file
 * @returns {Promise<ImageBitmap>} close() it when done
 * @throws {PictureError}
 */
export async function openPicture(file) {
  if (file.size === 0) throw new PictureError("That file is empty. Try saving or downloading it again.");
  try {
    return await createImageBitmap(file, {
      imageOrientation: "from-image", premultiplyAlpha: "none", colorSpaceConversion: "none",
    });
  } catch {
    throw new PictureError(await whyUnreadable(file));
  }
}

async function whyUnreadable(file) {
  const head = String.fromCharCode(...new Uint8Array(await file.slice(0, 512).arrayBuffer()));
  if (/^....ftyp(hei|hev|mif1|msf1)/s.test(head)) {
    return "This browser cannot open HEIC photos. Save it as a JPEG first, or open this page in Safari.";
  }
  if (/^(II\*\0|MM\0\*)/.test(head)) return "This browser cannot open TIFF pictures. Save it as a JPEG or PNG first.";
  if (/<svg[\s>]/i.test(head)) return "That is an SVG drawing. Try a photo: JPEG, PNG or WebP.";
  if (/^(\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF....WEBP|....ftypavi)/s.test(head)) {
    return "That picture is damaged or incomplete. Try saving or downloading it again.";
  }
  return "That file is not a picture we can read. Try a JPEG, PNG or WebP.";
}

const KEEP_SIDE = 320; // pixels; as in serving/pictures.py, larger pictures are averaged down first

/** By how much: a whole number. Python leaves all but the last halving to the JPEG decoder, which does 2, 4 or 8. */
function reduction(longer, type, keep) {
  const byDecoder = (type === "image/jpeg" && [8, 4, 2].find((scale) => scale * 2 * keep <= longer)) || 1;
  return byDecoder * Math.max(1, Math.floor(longer / byDecoder / keep));
}

/**
 * Scale to the square by the model's rule, as serving/classifier.py does; transparency shows white.
 * Padded: whole and undistorted, in the middle of the fill colour; sides are rounded half up and the offset down.
 * @param {ImageBitmap} bitmap
 * @param {{size: number, resize: string, interpolation: string, fill: number[]}} rule classifier.json's "input"
 * @param {string} type the file's MIME type
 * @returns {Uint8Array} RGB, [size, size, 3]
 */
export function fitToSquare(bitmap, { size, resize: rule, interpolation, fill }, type) {
  const factor = reduction(Math.max(bitmap.width, bitmap.height), type, Math.max(KEEP_SIDE, size));
  const fromWidth = Math.ceil(bitmap.width / factor), fromHeight = Math.ceil(bitmap.height / factor);
  const bands = bandsOf(bitmap, factor);
  if (rule === "squash") return resize(fromWidth, fromHeight, bands, size, size, interpolation);
  const scale = size / Math.max(fromWidth, fromHeight);
  const width = Math.max(1, Math.floor(fromWidth * scale + 0.5));
  const height = Math.max(1, Math.floor(fromHeight * scale + 0.5));
  const scaled = resize(fromWidth, fromHeight, bands, width, height, interpolation);
  const square = new Uint8Array(size * size * 3);
  for (let i = 0; i < square.length; i++) square[i] = fill[i % 3];
  const left = Math.floor((size - width) / 2), top = Math.floor((size - height) / 2);
  for (let y = 0; y < height; y++) {
    square.set(scaled.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * size + left) * 3);
  }
  return square;
}

const BAND_PIXELS = 2 ** 21; // 8 MB of RGBA at a time: phones refuse a canvas as large as their own photos

/** The picture on white, averaged down, from top to bottom as {top, height, data: RGBA}. */
function* bandsOf(bitmap, factor) {
  const rows = Math.max(1, Math.floor(BAND_PIXELS / bitmap.width / factor)) * factor;
  const canvas = new OffscreenCanvas(bitmap.width, Math.min(rows, bitmap.height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let top = 0; top < bitmap.height; top += rows) {
    const height = Math.min(rows, bitmap.height - top);
    context.fillStyle = "white";
    context.fillRect(0, 0, bitmap.width, height);
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, bitmap.width, height);
    yield { top: top / factor, height: Math.ceil(height / factor), data: average(data, bitmap.width, height, factor) };
  }
}

/** The mean of each factor x factor pixels (fewer at the right and lower edges), to the bit Pillow's Image.reduce. */
function average(data, width, height, factor) {
  if (factor === 1) return data;
  const columns = Math.ceil(width / factor), rows = Math.ceil(height / factor);
  const sums = new Uint32Array(columns * rows * 4);
  for (let y = 0, from = 0; y < height; y++) {
    const row = Math.floor(y / factor) * columns;
    for (let column = 0; column < columns; column++) {
      const to = (row + column) * 4, end = Math.min(from + factor * 4, (y + 1) * width * 4);
      for (; from < end; from += 4) {
        sums[to] += data[from];
        sums[to + 1] += data[from + 1];
        sums[to + 2] += data[from + 2];
      }
    }
  }
  return sums.map((sum, i) => {
    const column = (i >> 2) % columns, row = Math.floor((i >> 2) / columns);
    const pixels = Math.min(factor, width - column * factor) * Math.min(factor, height - row * factor);
    return ((sum + (pixels >> 1)) * Math.floor(2 ** 24 / pixels)) / 2 ** 24; // rounded down, in whole numbers
  });
}

// What follows is Pillow's 8-bit resampling (Resample.c), to the bit (but
// for pictures over 100 times as tall as wide): the filter is stretched by the reduction, so that
// every source pixel counts; weights are rounded to 22 bits after the point; rows first, then columns, each rounded to
// 8 bits. drawImage's own scaling is a different filter in every browser.

const PRECISION_BITS = 32 - 8 - 2;

/** Keys' cubic convolution with a = -0.5 (IEEE Trans. ASSP 29(6), 1981), which Pillow calls BICUBIC. */
function cubic(x) {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/** The triangle that Pillow calls BILINEAR. */
const triangle = (x) => Math.max(0, 1 - Math.abs(x));

// by Pillow's name: the filter, and how many source pixels it reaches to each side
const FILTERS = { bicubic: { filter: cubic, reach: 2 }, bilinear: { filter: triangle, reach: 1 } };

/** For each output position: the first source position and the fixed-point weights from there on. */
function weights(source, target, { filter, reach }) {
  const scale = source / target, stretch = Math.max(scale, 1), support = reach * stretch;
  return Array.from({ length: target }, (_, position) => {
    const centre = (position + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(source, Math.trunc(centre + support + 0.5));
    const exact = Array.from({ length: end - first }, (_, i) => filter((i + first - centre + 0.5) * (1 / stretch)));
    const total = exact.reduce((sum, weight) => sum + weight, 0);
    const fixed = exact.map((weight) => {
      const scaled = (weight / total) * (1 << PRECISION_BITS);
      return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    });
    return { first, weights: Int32Array.from(fixed) };
  });
}

/**
 * @param {Iterable<{top: number, height: number, data: Uint8ClampedArray}>} bands RGBA rows, top to bottom
 * @param {"bicubic" | "bilinear"} interpolation
 * @returns {Uint8ClampedArray} RGB, [toHeight, toWidth, 3]
 */
export function resize(width, height, bands, toWidth, toHeight, interpolation) {
  const half = 1 << (PRECISION_BITS - 1);
  const across = weights(width, toWidth, FILTERS[interpolation]);
  const down = weights(height, toHeight, FILTERS[interpolation]);
  const narrow = new Uint8ClampedArray(height * toWidth * 3);
  for (const { top, height: rows, data } of bands) {
    for (let y = 0; y < rows; y++) {
      let to = (top + y) * toWidth * 3;
      for (const { first, weights } of across) {
        let red = half, green = half, blue = half, from = (y * width + first) * 4;
        for (let i = 0; i < weights.length; i++, from += 4) {
          const weight = weights[i];
          red += data[from] * weight;
          green += data[from + 1] * weight;
          blue += data[from + 2] * weight;
        }
        narrow[to++] = red >> PRECISION_BITS;
        narrow[to++] = green >> PRECISION_BITS;
        narrow[to++] = blue >> PRECISION_BITS;
      }
    }
  }
  const result = new Uint8ClampedArray(toHeight * toWidth * 3);
  const stride = toWidth * 3;
  down.forEach(({ first, weights }, y) => {
    for (let x = 0; x < stride; x++) {
      let sum = half;
      for (let i = 0; i < weights.length; i++) sum += narrow[(first + i) * stride + x] * weights[i];
      result[y * stride + x] = sum >> PRECISION_BITS;
    }
  });
  return result;
}
