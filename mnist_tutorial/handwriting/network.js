// A trained network, read without any library: each layer makes one image of another.
// An image is { shape: [height, width, channels], values }, row by row.

const ACTIVATIONS = {
  relu: (values) => values.map((value) => Math.max(value, 0)),
  tanh: (values) => values.map(Math.tanh),
  sigmoid: (values) => values.map((value) => 1 / (1 + Math.exp(-value))),
  softmax(values) {
    const highest = Math.max(...values);
    const powers = values.map((value) => Math.exp(value - highest));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / sum);
  },
};

// Lay a window on each place of the image in turn, and visit the pixels under it.
function glide(image, { size, strides, outside, shape: [rows, columns] }, visit) {
  const [height, width] = image.shape;
  for (let place = 0; place < rows * columns; place++) {
    for (let i = 0; i < size[0] * size[1]; i++) {
      const down = Math.floor(place / columns) * strides[0] - outside[0];
      const right = (place % columns) * strides[1] - outside[1];
      const [y, x] = [down + Math.floor(i / size[1]), right + (i % size[1])];
      if (y >= 0 && y < height && x >= 0 && x < width) visit(place, i, y * width + x);
    }
  }
}

const LAYERS = {
  // Under each window: multiply by the filters' weights, and add up.
  convolution(image, layer) {
    const [, , channels, filters] = layer.kernel.shape;
    const length = layer.shape[0] * layer.shape[1] * filters;
    const values = Float64Array.from({ length }, (_, i) => layer.bias.values[i % filters]);
    glide(image, layer, (place, i, pixel) => {
      for (let c = 0; c < channels; c++) {
        const value = image.values[pixel * channels + c];
        const first = (i * channels + c) * filters;
        for (let f = 0; f < filters; f++) {
          values[place * filters + f] += value * layer.kernel.values[first + f];
        }
      }
    });
    return values;
  },
  // Under each window: keep the largest value of each channel.
  pooling(image, layer) {
    const [rows, columns, channels] = layer.shape;
    const values = new Float64Array(rows * columns * channels).fill(-Infinity);
    glide(image, layer, (place, i, pixel) => {
      for (let c = 0; c < channels; c++) {
        const at = place * channels + c;
        values[at] = Math.max(values[at], image.values[pixel * channels + c]);
      }
    });
    return values;
  },
  // Each value reaches each unit, by a weight of its own.
  dense(image, { kernel, bias }) {
    const values = Float64Array.from(bias.values);
    const units = values.length;
    image.values.forEach((value, i) => {
      for (let u = 0; u < units; u++) values[u] += value * kernel.values[i * units + u];
    });
    return values;
  },
  // Each channel times a number, plus a number: a batch normalisation that has learnt.
  scale(image, { times: { values: times }, plus: { values: plus } }) {
    const channels = times.length;
    return image.values.map((v, i) => v * times[i % channels] + plus[i % channels]);
  },
  activation: (image, { name }) => ACTIVATIONS[name](image.values),
  flatten: (image) => image.values,
};

// The probabilities of the ten digits; `values` are the pixels, row by row.
function predict(network, values) {
  let image = { shape: network.shape, values: Float64Array.from(values) };
  for (const layer of network.layers) {
    image = { shape: layer.shape, values: LAYERS[layer.kind](image, layer) };
  }
  return [...image.values];
}

// The weights are one text, base64 of 32-bit floats; each layer knows where its own lie.
function unpack(network, text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const floats = new Float32Array(bytes.buffer);
  for (const layer of network.layers) {
    for (const part of [layer.kernel, layer.bias, layer.times, layer.plus]) {
      if (part) part.values = floats.subarray(part.first, part.first + part.count);
    }
  }
  return network;
}
