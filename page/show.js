// Numbers to pictures: 28x28 images, and layers as cells.

export const byId = (id) => document.getElementById(id);

// The colours of style.css in the theme of now, as [red, green, blue]
const colours = {};

export function readColours() {
  const probe = byId("layers");
  for (const name of ["ink", "cell", "red", "blue", "lit"]) {
    probe.style.color = `var(--${name})`;
    colours[name] = getComputedStyle(probe).color.match(/\d+/g).map(Number);
  }
  probe.style.color = "";
}

const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);

// 784 numbers as a picture: 0 is the paper, the largest has the full colour.
export function picture(canvas, values, positive = "ink") {
  canvas.width = canvas.height = 28;
  if (!values) return;
  const most = largest(values);
  const data = new ImageData(28, 28);
  values.forEach((value, at) => {
    const shade = [...colours[value < 0 ? "blue" : positive], (255 * Math.abs(value)) / most];
    data.data.set(shade, 4 * at);
  });
  canvas.getContext("2d").putImageData(data, 0, 0);
}

// How many cells fit side by side, and how large they are
function layout(canvas, count) {
  const room = canvas.parentElement.clientWidth;
  const columns = count <= 128 ? 16 : 32;
  return { columns: Math.min(columns, count), size: Math.floor(Math.min(30, room / columns)) };
}

// A layer as cells. With `spoke`, red and blue say who spoke for and against; the top five are ringed.
export function cells(canvas, count, activations, spoke, chosen) {
  const { columns, size } = layout(canvas, count);
  const width = columns * size, height = Math.ceil(count / columns) * size;
  canvas.width = width * devicePixelRatio; // which also clears it
  canvas.height = height * devicePixelRatio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  const values = spoke || activations || [], most = largest(values);
  const names = ["cell", spoke ? "red" : "lit", "blue", "ink"];
  const [cell, plus, minus, ink] = names.map((name) => `rgb(${colours[name]})`);
  const top = spoke ? strongest(spoke) : [];
  for (let unit = 0; unit < count; unit++) {
    const value = values[unit] || 0;
    const box = [(unit % columns) * size + 1, Math.floor(unit / columns) * size + 1, size - 2, size - 2];
    context.fillStyle = cell;
    context.fillRect(...box);
    context.globalAlpha = Math.abs(value) / most;
    context.fillStyle = value < 0 ? minus : plus;
    context.fillRect(...box);
    context.globalAlpha = 1;
    if (unit !== chosen && !top.includes(unit)) continue;
    context.strokeStyle = ink;
    context.lineWidth = unit === chosen ? 3 : 1.5;
    context.strokeRect(...box);
  }
}

// The five units with the largest positive values
export function strongest(values) {
  const units = [...values.keys()].filter((unit) => values[unit] > 0);
  return units.sort((one, other) => values[other] - values[one]).slice(0, 5);
}

// The unit under the pointer, or -1
export function unitAt(canvas, count, event) {
  const { columns, size } = layout(canvas, count);
  const column = Math.floor(event.offsetX / size), row = Math.floor(event.offsetY / size);
  const unit = row * columns + column;
  return column >= 0 && column < columns && unit >= 0 && unit < count ? unit : -1;
}

// Where an arrow key leads from a unit
export function unitBeside(canvas, count, unit, key) {
  const { columns } = layout(canvas, count);
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  const next = unit + step;
  return next >= 0 && next < count ? next : unit;
}

// Layers in words: `sizes` and `activation` are the network's.

export function nameOf({ layer, unit }, { sizes }) {
  return layer === sizes.length - 2 ? `Output ${unit}` : `Hidden layer ${layer + 1}, unit ${unit}`;
}

export function sumOf({ layer, unit, sum, bias }, answer, { activation }) {
  const inputs = layer ? `Hidden layer ${layer}'s activations` : "The pixels";
  const result = layer === answer.hidden.length
    ? `a score of ${answer.logits[unit].toFixed(2)}; softmax turns the ten scores into probabilities.`
    : `${(sum + bias).toFixed(2)}; ${activation} makes it ${answer.hidden[layer][unit].toFixed(2)}.`;
  return `${inputs}, each times its weight, add up to ${sum.toFixed(2)}. With a bias of ${bias.toFixed(2)} that is ${result}`;
}
