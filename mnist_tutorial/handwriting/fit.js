// The drawing as MNIST has it, in the steps of `fit_digit` in digits.py.

// Ink from 0 to 1 of the strokes, row by row, `side` pixels wide.
function drawInk(strokes, side, width) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(pen, { lineWidth: width, lineCap: "round", lineJoin: "round" });
  for (const stroke of strokes) {
    pen.beginPath();
    pen.moveTo(...stroke[0]);
    // A little aside, or a dot would be a line of no length, which is not drawn.
    for (const [x, y] of stroke) pen.lineTo(x + 0.01, y);
    pen.stroke();
  }
  const { data } = pen.getImageData(0, 0, side, side);
  return Float64Array.from({ length: side * side }, (_, i) => data[4 * i + 3] / 255);
}

// A pen that is two pixels wide once the drawing fits 20: MNIST's are no thinner.
function penFor(strokes, side, width) {
  const points = strokes.flat();
  const reach = (i) => {
    // Beyond its edge, the pad shows nothing.
    const values = points.map((point) => Math.min(Math.max(point[i], 0), side));
    return Math.max(...values) - Math.min(...values);
  };
  return points.length ? Math.max(width, Math.max(reach(0), reach(1)) / 9) : width;
}

// A picture is { width, height, values }.
function crop({ width, height, values }) {
  const half = values.reduce((a, b) => Math.max(a, b), 0) / 2;
  let [left, top, right, bottom] = [width, height, 0, 0];
  values.forEach((value, i) => {
    if (value <= half) return;
    const [x, y] = [i % width, Math.floor(i / width)];
    [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
  });
  return cut({ width, height, values }, left, top, right - left, bottom - top);
}

// A part of a picture; what lies outside of it is empty.
function cut(picture, left, top, width, height) {
  const values = Float64Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [left + (i % width), top + Math.floor(i / width)];
    const inside = x >= 0 && y >= 0 && x < picture.width && y < picture.height;
    return inside ? picture.values[y * picture.width + x] : 0;
  });
  return { width, height, values };
}

// Narrower or wider; each new pixel is the mean of those that it covers.
function resizeRows({ width, height, values }, size) {
  const scale = width / size;
  const reach = Math.max(scale, 1) / 2;
  const small = new Float64Array(size * height);
  for (let x = 0; x < size; x++) {
    const centre = (x + 0.5) * scale;
    const first = Math.max(Math.floor(centre - reach + 0.5), 0);
    const last = Math.min(Math.floor(centre + reach + 0.5), width);
    for (let y = 0; y < height; y++) {
      let sum = 0;
      for (let i = first; i < last; i++) sum += values[y * width + i];
      small[y * size + x] = sum / (last - first);
    }
  }
  return { width: size, height, values: small };
}

function turn({ width, height, values }) {
  const turned = values.map((_, i) => values[(i % height) * width + Math.floor(i / height)]);
  return { width: height, height: width, values: turned };
}

const resize = (picture, width, height) =>
  turn(resizeRows(turn(resizeRows(picture, width)), height));

// The nearest whole number; halfway between two, the even one, as Python has it.
const rint = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

// 28×28 values from 0 to 255 of a picture of ink; null where there is none.
function fitDigit(picture) {
  if (!picture.values.some((value) => value > 0)) return null;
  const ink = crop(picture);
  const scale = 20 / Math.max(ink.width, ink.height);
  const side = (length) => Math.max(1, rint(scale * length));
  const small = resize(ink, side(ink.width), side(ink.height));
  // MNIST's centre of mass lies on pixel 14, just below and right of the middle.
  const sum = small.values.reduce((a, b) => a + b);
  const place = (length, coordinate) => {
    const mass = small.values.reduce((a, b, i) => a + b * coordinate(i), 0) / sum;
    return Math.min(Math.max(rint(14 - mass), 0), 28 - length);
  };
  const left = place(small.width, (i) => i % small.width);
  const top = place(small.height, (i) => Math.floor(i / small.width));
  const highest = small.values.reduce((a, b) => Math.max(a, b));
  const { values } = cut(small, -left, -top, 28, 28);
  return values.map((value) => Math.round((255 * value) / highest));
}
