// The page: asks draw.py what the network makes of the drawing, and shows the answer.

import { Pad } from "./pad.js";
import { byId, cells, nameOf, picture, readColours, sumOf, unitAt, unitBeside } from "./show.js";

const DIGITS = [...Array(10).keys()];
const state = {
  networks: [], // name, sizes, activation, preprocessing of each
  answer: null, // what draw.py has said last
  pinned: null, // the unit that was clicked: { layer, unit }
  hovered: null, // the unit under the pointer
};
const pad = new Pad(byId("pad"), refresh);
const network = () => state.networks[byId("networks").selectedIndex];
const focus = () => state.hovered || state.pinned;

// ------------------------------------------------------------------ asking

async function request(path, body) {
  const method = body ? "POST" : "GET";
  const send = () => fetch(path, { method, body });
  const response = await send().catch(send).catch(() => null); // twice: a kept connection may be gone
  if (!response) throw new Error("draw.py does not answer; has it been stopped?");
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

// Buttons: whatever goes wrong is said below them.
const attempt = (action) => async () => {
  try {
    await action();
  } catch (error) {
    say(error.message, true);
  }
};

let asking = false, since = null; // since: the time of the first change that is not shown yet

function refresh(time) {
  since ??= time;
  pad.paint();
  byId("hint").hidden = !pad.empty;
  if (!asking && state.networks.length) attempt(ask)();
}

// One question at a time; what is drawn meanwhile goes into the next.
async function ask() {
  asking = true;
  document.body.dataset.state = "asking";
  try {
    while (since !== null) {
      const time = since;
      since = null;
      const answer = await think();
      show(answer);
      if (byId("status").matches(".failed")) say("");
      requestAnimationFrame(() => timed(time));
    }
  } finally {
    asking = false;
    document.body.dataset.state = "idle";
  }
}

async function think() {
  if (pad.empty) return null;
  const query = new URLSearchParams({ network: byId("networks").selectedIndex, ...focus() });
  return request(`think?${query}`, pad.bytes());
}

// ----------------------------------------------------------------- showing

function say(text, failed = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("failed", failed);
}

function timed(time) {
  const passed = performance.now() - time;
  byId("latency").textContent = `stroke to picture: ${passed.toFixed(0)} ms`;
  byId("latency").dataset.milliseconds = passed;
}

function show(answer) {
  state.answer = answer;
  byId("save").disabled = !answer || Boolean(pad.image); // MNIST's test images are not to train on
  picture(byId("image"), answer?.image);
  picture(byId("seen"), answer?.seen);
  showBars(answer);
  showLayers(answer);
  showUnit(answer);
}

function showBars(answer) {
  const best = answer ? answer.probabilities.indexOf(Math.max(...answer.probabilities)) : -1;
  byId("digit").textContent = answer ? best : "?";
  byId("digit").className = answer ? "known" : "";
  const last = network().sizes.length - 2;
  DIGITS.forEach((digit) => {
    const bar = byId(`bar${digit}`), probability = answer ? answer.probabilities[digit] : 0;
    const pinned = state.pinned?.layer === last && state.pinned.unit === digit;
    bar.classList.toggle("best", digit === best);
    bar.setAttribute("aria-pressed", pinned);
    bar.dataset.probability = probability;
    bar.querySelector(".fill").style.width = `${100 * probability}%`;
    bar.querySelector(".percent").textContent = answer ? `${(100 * probability).toFixed(1)}%` : "";
  });
}

function showLayers(answer) {
  const trace = answer?.trace;
  network().sizes.slice(1, -1).forEach((count, layer) => {
    const spoke = trace && layer < trace.layer ? trace.spoke[layer + 1] : null;
    const chosen = focus()?.layer === layer ? focus().unit : -1;
    cells(byId(`layer${layer}`), count, answer?.hidden[layer], spoke, chosen);
    const negative = answer?.hidden[layer].some((value) => value < 0) ? ", blue where negative" : "";
    byId(`note${layer}`).textContent = spoke ? "ringed: the five that spoke most" : `${count} units, lit where active${negative}`;
  });
}

function showUnit(answer) {
  const trace = answer?.trace;
  byId("unit").textContent = focus() ? nameOf(focus(), network()) : "One unit";
  picture(byId("again"), trace && answer.seen);
  picture(byId("weights"), trace?.weights, "red");
  picture(byId("product"), trace?.spoke[0], "red");
  byId("weights-note").textContent = trace?.layer > 0 ? "path weights" : "weights";
  byId("sum").textContent = trace ? sumOf(trace, answer, network()) : "Point at a unit or click a digit to see what it looks for, and what it finds.";
}

// ----------------------------------------------------------------- choosing

function hover(unit) {
  if (JSON.stringify(unit) === JSON.stringify(state.hovered)) return;
  state.hovered = unit;
  refresh(performance.now());
}

function pin(unit) {
  state.pinned = JSON.stringify(unit) === JSON.stringify(state.pinned) ? null : unit;
  state.hovered = null;
  refresh(performance.now());
}

function makeLayers() {
  const { sizes, preprocessing, name } = network();
  state.pinned = state.hovered = null;
  byId("before").hidden = byId("arrow").hidden = preprocessing === "none";
  const notes = { normalise: "upright, standard size", deskew: "straightened", none: "fitted" };
  byId("seen-note").textContent = notes[preprocessing] || preprocessing;
  byId("made").textContent = `${name}: ${sizes.join("-")}`;
  byId("layers").replaceChildren(...sizes.slice(1, -1).flatMap((count, layer) => {
    const title = document.createElement("h2"), canvas = document.createElement("canvas");
    title.innerHTML = `Hidden layer ${layer + 1} <small id="note${layer}"></small>`;
    canvas.id = `layer${layer}`;
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", `Hidden layer ${layer + 1}, ${count} units; arrow keys choose one, Escape none`);
    listen(canvas, count, layer);
    return [title, canvas];
  }));
  refresh(performance.now());
  show(null);
}

function listen(canvas, count, layer) {
  const under = (event) => {
    const unit = unitAt(canvas, count, event);
    return unit < 0 ? null : { layer, unit };
  };
  canvas.addEventListener("pointermove", (event) => hover(under(event)));
  canvas.addEventListener("pointerleave", () => hover(null));
  canvas.addEventListener("click", (event) => { if (under(event)) pin(under(event)); });
  canvas.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const unit = state.pinned?.layer === layer ? unitBeside(canvas, count, state.pinned.unit, event.key) : 0;
    if (unit !== state.pinned?.unit || layer !== state.pinned.layer) pin({ layer, unit });
  });
}

async function showTest(which) {
  say("One moment, the test images are being read …");
  const { number, image, label } = await request(`test?${which}=1`);
  say(`MNIST test image ${number}; its label is ${label}.`);
  pad.lift();
  pad.set([], image);
}

async function save(label) {
  const { row, file } = await request(`save?label=${label}`, new Uint8Array(state.answer.image));
  say(`Saved as a ${label}: row ${row} of ${file}.`);
}

function clear() {
  state.pinned = state.hovered = null;
  say("");
  pad.clear();
  refresh(performance.now());
}

// ----------------------------------------------------------------- starting

function button(text, action, settings = {}) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", innerHTML: text, ...settings });
  made.addEventListener("click", action);
  return made;
}

function makeButtons() {
  const last = () => network().sizes.length - 2;
  byId("bars").append(...DIGITS.map((digit) => button(
    `<span>${digit}</span><span class="track"><span class="fill"></span></span><span class="percent"></span>`,
    () => pin({ layer: last(), unit: digit }), { id: `bar${digit}`, className: "bar" })));
  byId("labels").append(...DIGITS.map((digit) => button(digit, attempt(() => save(digit)), { title: `Save it as a ${digit}` })));
  byId("undo").onclick = () => pad.undo();
  byId("clear").onclick = clear;
  byId("test").onclick = attempt(() => showTest("random"));
  byId("wrong").onclick = attempt(() => showTest("wrong"));
  byId("networks").onchange = makeLayers;
  byId("theme").onclick = () => setTheme(isDark() ? "light" : "dark");
}

const KEYS = { z: "undo", backspace: "undo", c: "clear", delete: "clear", t: "test", m: "wrong" };

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.target.tagName === "SELECT") return;
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key !== "z") return; // Ctrl+C stays copy
  if (event.key === "Escape") { state.pinned = null; hover(null); refresh(performance.now()); }
  else if (/^[0-9]$/.test(event.key)) byId(`bar${event.key}`).click();
  else if (KEYS[event.key.toLowerCase()]) byId(KEYS[event.key.toLowerCase()]).click();
});

const isDark = () => getComputedStyle(document.documentElement).colorScheme === "dark"
  || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  byId("theme").textContent = isDark() ? "Light" : "Dark";
  readColours();
  pad.paint();
  if (state.networks.length) show(state.answer);
}

async function start() {
  makeButtons();
  const networks = state.networks = await request("networks");
  byId("networks").append(...networks.map(({ name }) => new Option(name)));
  byId("networks").selectedIndex = 0;
  byId("choice").hidden = networks.length < 2;
  byId("mean").textContent = networks.length < 2 ? "" : `The mean of ${networks.length} networks.`;
  readColours();
  makeLayers();
  setTheme();
  addEventListener("resize", () => show(state.answer));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme());
}

attempt(start)();
