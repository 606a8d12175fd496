// The drawing pad: strokes in, ink out. A stroke is a list of [x, y], each 0 ... 1.

const SIDE = 200; // pixels of the ink that the network's side receives
const WIDTH = 0.085; // of a stroke, as a share of the pad

export class Pad {
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed; // called with the time of the event
    this.strokes = [];
    this.earlier = []; // what undo goes back to: a list of lists of strokes
    this.pen = { x: 0.5, y: 0.5, down: false, shown: false }; // the keyboard's
    this.ink = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => { if (event.pointerId === this.pointer) this.pointer = null; });
    }
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => { this.pen.shown = this.pen.down = false; this.paint(); });
    new ResizeObserver(() => this.paint()).observe(canvas);
  }

  get empty() { return this.strokes.length === 0; }

  set(strokes, time = performance.now()) {
    this.earlier.push(this.strokes);
    this.strokes = strokes;
    this.changed(time);
  }

  undo() {
    if (!this.earlier.length) return;
    this.strokes = this.earlier.pop();
    this.changed(performance.now());
  }

  clear() { if (!this.empty) this.set([]); }

  begin(event) {
    if (event.button !== 0 || this.pointer) return; // one finger, one button
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.pen.shown = this.pen.down = false;
    this.set([...this.strokes, [this.place(event)]], event.timeStamp);
  }

  move(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents();
    this.strokes.at(-1).push(...(events.length ? events : [event]).map((each) => this.place(each)));
    this.changed(event.timeStamp);
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    const pen = this.pen;
    pen.shown = true;
    if (step) {
      pen.x = Math.min(0.95, Math.max(0.05, pen.x + 0.04 * step[0]));
      pen.y = Math.min(0.95, Math.max(0.05, pen.y + 0.04 * step[1]));
    } else {
      pen.down = !pen.down;
      if (pen.down) this.set([...this.strokes, []]);
    }
    if (pen.down) this.strokes.at(-1).push([pen.x, pen.y]);
    this.changed(performance.now());
  }

  paint() {
    const size = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (this.canvas.width !== size) this.canvas.width = this.canvas.height = size;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, size, size);
    draw(context, this.strokes, size, getComputedStyle(this.canvas).color);
    if (!this.pen.shown) return;
    context.beginPath();
    context.arc(this.pen.x * size, this.pen.y * size, (WIDTH / 2) * size, 0, 7);
    context.lineWidth = this.pen.down ? 6 : 2;
    context.stroke();
  }

  // SIDE x SIDE bytes: 0 = paper, 255 = ink
  bytes() {
    this.ink.clearRect(0, 0, SIDE, SIDE);
    draw(this.ink, this.strokes, SIDE, "black");
    return this.ink.getImageData(0, 0, SIDE, SIDE).data.filter((_, at) => at % 4 === 3);
  }
}

// Strokes as smooth lines: curves from the middle of one step to the middle of the next.
function draw(context, strokes, size, colour) {
  context.strokeStyle = colour;
  context.lineWidth = WIDTH * size;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    const points = stroke.map(([x, y]) => [x * size, y * size]);
    context.beginPath();
    context.moveTo(...points[0]);
    for (let at = 1; at < points.length - 1; at++) {
      const [x, y] = points[at], [nextX, nextY] = points[at + 1];
      context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
    }
    context.lineTo(...points.at(-1));
    context.stroke();
  }
}
