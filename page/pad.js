// The drawing pad: strokes in, ink out. A stroke is a list of [x, y], each 0 ... 1.

const SIDE = 200; // pixels of the ink that the network's side receives
const WIDTH = 0.085; // of a stroke, as a share of the pad

export class Pad {
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed; // called with the time of the event
    this.strokes = [];
    this.image = null; // 784 numbers 0 ... 255, shown instead of strokes
    this.earlier = []; // what undo goes back to: [strokes, image] of each step
    this.pen = { x: 0.5, y: 0.5, down: false, shown: false }; // the keyboard's
    this.ink = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => { if (event.pointerId === this.pointer) this.lift(); });
    }
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => { this.lift(); this.paint(); });
    new ResizeObserver(() => this.paint()).observe(canvas);
  }

  get empty() { return !this.strokes.length && !this.image; }

  // Show something new, which undo can take back
  set(strokes, image = null, time = performance.now()) {
    this.earlier.push([this.strokes, this.image]);
    [this.strokes, this.image] = [strokes, image];
    this.changed(time);
  }

  undo() {
    if (!this.earlier.length) return;
    this.lift();
    [this.strokes, this.image] = this.earlier.pop();
    this.changed(performance.now());
  }

  clear() {
    this.lift();
    if (!this.empty) this.set([]);
  }

  lift() {
    this.pointer = null;
    this.pen.down = this.pen.shown = false;
  }

  begin(event) {
    if (event.button !== 0 || this.pointer) return; // one finger, one button
    this.lift();
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.set([...this.strokes, [this.place(event)]], null, event.timeStamp);
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
      if (pen.down) this.set([...this.strokes, [[pen.x, pen.y]]]);
    }
    if (step && pen.down) this.strokes.at(-1).push([pen.x, pen.y]);
    this.changed(performance.now());
  }

  paint() {
    const size = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (this.canvas.width !== size) this.canvas.width = this.canvas.height = size;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, size, size);
    const colour = getComputedStyle(this.canvas).color;
    if (this.image) fill(context, this.image, size / 28, colour);
    else draw(context, this.strokes, size, colour);
    if (!this.pen.shown) return;
    context.strokeStyle = colour;
    context.beginPath();
    context.arc(this.pen.x * size, this.pen.y * size, (WIDTH / 2) * size, 0, 7);
    context.lineWidth = this.pen.down ? 6 : 2;
    context.stroke();
  }

  // SIDE x SIDE bytes of a drawing, 784 of an image: 0 = paper, 255 = ink
  bytes() {
    if (this.image) return new Uint8Array(this.image);
    this.ink.clearRect(0, 0, SIDE, SIDE);
    draw(this.ink, this.strokes, SIDE, "black");
    const { data } = this.ink.getImageData(0, 0, SIDE, SIDE); // red, green, blue, opacity of each
    return Uint8Array.from({ length: SIDE * SIDE }, (_, at) => data[4 * at + 3]);
  }
}

// An image of 28x28 pixels
function fill(context, image, size, colour) {
  context.fillStyle = colour;
  image.forEach((value, at) => {
    context.globalAlpha = value / 255;
    context.fillRect((at % 28) * size, Math.floor(at / 28) * size, size, size);
  });
  context.globalAlpha = 1;
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
    const [x, y] = points.at(-1);
    context.lineTo(x + 0.01, y); // a line of no length would not be drawn: a dot is one
    context.stroke();
  }
}
