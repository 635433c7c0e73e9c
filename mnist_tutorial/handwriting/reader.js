// The page: the drawing pad, with the network beside it instead of a kernel.

const network = unpack(
  JSON.parse(document.querySelector("#network").textContent),
  document.querySelector("#weights").textContent.trim(),
);
const seen = document.querySelector("#seen").getContext("2d");

function show(digit) {
  const image = seen.createImageData(28, 28);
  digit.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
  seen.putImageData(image, 0, 0);
}

function read(strokes) {
  const values = drawInk(strokes, network.side, penFor(strokes, network.side, network.width));
  const digit = fitDigit({ width: network.side, height: network.side, values });
  show(digit ?? new Float64Array(28 * 28));
  return digit ? predict(network, digit.map((value) => value * network.unit)) : [];
}

// What the pad asks of a kernel's model, answered on the spot.
const state = {
  side: network.side, width: network.width, threshold: network.threshold,
  strokes: [], untouched: false, drawn: 0, probabilities: [],
};
const listeners = {};
const tell = (name) => listeners[name]?.();

render({
  el: document.querySelector("#pad"),
  model: {
    get: (name) => state[name],
    set(name, value) {
      state[name] = value;
      tell(`change:${name}`);
    },
    on: (name, listener) => (listeners[name] = listener),
    save_changes() {
      state.probabilities = read(state.strokes);
      tell("change:answered");
    },
  },
});
show(new Float64Array(28 * 28));
