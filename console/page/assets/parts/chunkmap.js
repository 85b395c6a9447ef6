// The map of all chunks: one cell each, drawn on a canvas, so that a hundred thousand of them are one element.
//
// It is moved through by arrow keys like a slider, whose value is the chunk's number and whose text is its state.

import { h, hidden } from "../core/dom.js";
import { count, plural } from "../core/format.js";
import { chunkState } from "../core/words.js";

const SIZES = [24, 20, 16, 13, 11, 9, 8, 7, 6, 5, 4];
const HEIGHT_MAX = 430;
// Above this a map of very many chunks is drawn as small as can be seen.
const TALL_MAX = 900;
// Room for the frame of the cell that is chosen.
const MARGIN = 2;
const LISTED = 12;

/** The state of each chunk, as indices into `states`. */
export function cellsOf(answer) {
  return Uint8Array.from(answer.cells, (digit) => parseInt(digit, 36));
}

/** How many chunks are in each state: `[{name, word, look, chunks}]`. */
export function tally(answer, cells) {
  const chunks = new Array(answer.states.length).fill(0);
  for (const state of cells) chunks[state] += 1;
  return answer.states.map((name, at) => ({ name, ...chunkState(name), chunks: chunks[at] }));
}

class Drawing {
  constructor(root) {
    this.root = root;
    this.canvas = h("canvas", {
      tabindex: "0",
      role: "slider",
      "aria-label": "Chunk in the map",
      "aria-describedby": "map-keys",
      on: {
        keydown: (event) => this.key(event),
        click: (event) => this.click(event),
        pointermove: (event) => this.hover(event),
        pointerleave: () => this.say(null),
        focus: () => this.paint(),
        blur: () => this.paint(),
      },
    });
    this.line = h("p", { class: "map-line soft small", "aria-hidden": "true" });
    root.append(
      this.canvas,
      this.line,
      h(
        "span",
        { id: "map-keys", class: "hidden" },
        "Arrow keys move, Page Up and Down move by rows, Enter opens the chunk.",
      ),
    );
    this.at = 0;
    new ResizeObserver(() => this.layout()).observe(root);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => root.isConnected && this.paint());
  }

  set({ answer, cells, current, open, differing }) {
    this.answer = answer;
    this.differing = differing;
    this.cells = cells;
    this.open = open;
    if (current !== null && current !== undefined && current !== this.current) {
      this.current = current;
      this.at = Math.max(0, current - answer.from);
    }
    this.at = Math.min(this.at, Math.max(0, cells.length - 1));
    this.layout();
    this.value();
  }

  layout() {
    const width = Math.floor(this.root.clientWidth);
    const room = width - 2 * MARGIN;
    if (room <= 0 || !this.cells) return;
    const tall = (size) => Math.ceil(this.cells.length / Math.floor(room / size)) * size;
    this.size = SIZES.find((size) => tall(size) <= HEIGHT_MAX) ?? (tall(3) <= TALL_MAX ? 3 : 2);
    this.columns = Math.max(1, Math.floor(room / this.size));
    const height = Math.max(1, Math.ceil(this.cells.length / this.columns)) * this.size + 2 * MARGIN;
    this.scale = window.devicePixelRatio || 1;
    this.canvas.width = width * this.scale;
    this.canvas.height = height * this.scale;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.paint();
  }

  paint() {
    if (!this.size) return;
    const css = getComputedStyle(this.root);
    const colour = (name) => css.getPropertyValue(`--${name}`).trim();
    const pen = this.canvas.getContext("2d");
    pen.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const looks = this.answer.states.map((name) => chunkState(name).look);
    const inks = {
      wait: colour("line"),
      queue: colour("strong"),
      busy: colour("run"),
      half: colour("half"),
      done: colour("done"),
      proven: colour("pass"),
      bad: colour("fail"),
    };
    const gap = this.size >= 11 ? 2 : this.size >= 5 ? 1 : 0.4;
    const side = this.size - gap;
    for (let at = 0; at < this.cells.length; at += 1) {
      const [x, y] = this.place(at);
      cell(pen, looks[this.cells[at]], inks, x, y, side);
    }
    for (const number of this.differing)
      this.differs(pen, number - this.answer.from, side, inks.bad, colour("paper"));
    // What is set aside is never too small to be seen.
    if (this.size < 8) this.alarms(pen, looks, inks.bad);
    const focused = document.activeElement === this.canvas;
    if (focused || this.current !== undefined) this.cursor(pen, colour("ink"));
  }

  place(at) {
    return [MARGIN + (at % this.columns) * this.size, MARGIN + Math.floor(at / this.columns) * this.size];
  }

  differs(pen, at, side, ink, paper) {
    if (at < 0 || at >= this.cells.length) return;
    const [x, y] = this.place(at);
    const wide = Math.max(side, 7);
    pen.fillStyle = ink;
    pen.fillRect(x, y, wide, wide);
    if (wide < 11) return;
    pen.fillStyle = paper;
    for (const line of [0.36, 0.58])
      pen.fillRect(x + wide * 0.22, y + wide * line, wide * 0.56, Math.max(1, wide / 11));
  }

  alarms(pen, looks, ink) {
    const width = this.columns * this.size;
    for (let at = 0; at < this.cells.length; at += 1) {
      if (looks[this.cells[at]] !== "bad") continue;
      const [x, y] = this.place(at);
      pen.fillStyle = ink;
      pen.fillRect(Math.max(0, Math.min(x - 2, width - 7)), Math.max(0, y - 2), 7, 7);
    }
  }

  cursor(pen, ink) {
    const [x, y] = this.place(this.at);
    const wide = Math.max(this.size, 8);
    pen.strokeStyle = ink;
    pen.lineWidth = 2;
    pen.strokeRect(Math.max(1, x - 1), Math.max(1, y - 1), wide, wide);
  }

  number(at) {
    return at + this.answer.from;
  }

  words(at) {
    const differs = this.differing.has(this.number(at)) ? ", has differences" : "";
    return `chunk ${count(this.number(at))}, ${chunkState(this.answer.states[this.cells[at]]).word}${differs}`;
  }

  value() {
    if (!this.cells.length) return;
    const set = (name, value) => this.canvas.setAttribute(name, String(value));
    set("aria-valuemin", this.number(0));
    set("aria-valuemax", this.number(this.cells.length - 1));
    set("aria-valuenow", this.number(this.at));
    set("aria-valuetext", this.words(this.at));
  }

  say(at) {
    this.line.textContent = at === null ? "" : this.words(at);
  }

  key(event) {
    const page = this.columns * 10;
    const steps = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: this.columns,
      ArrowUp: -this.columns,
      PageDown: page,
      PageUp: -page,
    };
    if (event.key === "Enter" || event.key === " ") this.open(this.number(this.at));
    else if (event.key === "Home") this.at = 0;
    else if (event.key === "End") this.at = this.cells.length - 1;
    else if (steps[event.key]) this.at = Math.max(0, Math.min(this.cells.length - 1, this.at + steps[event.key]));
    else return;
    event.preventDefault();
    this.value();
    this.say(this.at);
    this.paint();
  }

  under(event) {
    const column = Math.floor((event.offsetX - MARGIN) / this.size);
    const at = Math.floor((event.offsetY - MARGIN) / this.size) * this.columns + column;
    return column >= 0 && column < this.columns && at >= 0 && at < this.cells.length ? at : null;
  }

  hover(event) {
    this.say(this.under(event));
  }

  click(event) {
    const at = this.under(event);
    if (at === null) return;
    this.at = at;
    this.value();
    this.open(this.number(at));
  }
}

// Each look differs in form as well as in colour, as far as a cell is large enough to have one.
function cell(pen, look, inks, x, y, side) {
  pen.fillStyle = inks[look];
  pen.strokeStyle = inks[look];
  if (side < 6 || look === "done" || look === "proven") pen.fillRect(x, y, side, side);
  else {
    pen.lineWidth = 1;
    pen.strokeRect(x + 0.5, y + 0.5, side - 1, side - 1);
    if (look === "busy") pen.fillRect(x + side / 3, y + side / 3, side / 3, side / 3);
    if (look === "half") pen.fillRect(x, y + side / 2, side, side / 2);
    if (look === "queue") pen.fillRect(x + 1, y + side - 3, side - 2, 2);
  }
  if (look === "bad" && side >= 6) {
    pen.fillRect(x, y, side, side);
    pen.strokeStyle = "#fff";
    pen.lineWidth = Math.max(1, side / 8);
    pen.beginPath();
    pen.moveTo(x + side * 0.25, y + side * 0.25);
    pen.lineTo(x + side * 0.75, y + side * 0.75);
    pen.moveTo(x + side * 0.75, y + side * 0.25);
    pen.lineTo(x + side * 0.25, y + side * 0.75);
    pen.stroke();
  }
}

function alarms(answer, cells, path) {
  const bad = answer.states.map((name) => chunkState(name).look === "bad");
  const found = [];
  let more = 0;
  for (let at = 0; at < cells.length; at += 1) {
    if (!bad[cells[at]]) continue;
    if (found.length < LISTED) found.push(at + answer.from);
    else more += 1;
  }
  return links("✗ Set aside: ", found, path, more);
}

function links(title, numbers, path, more) {
  if (!numbers.length) return null;
  return h(
    "p",
    { class: "alarms" },
    h("span", { class: "fail" }, title),
    numbers.map((no, at) => [at ? ", " : "", h("a", { href: path(no) }, `chunk ${count(no)}`)]),
    more ? ` and ${count(more)} more` : "",
  );
}

/**
 * The map with its legend. `path(no)` is the address of a chunk; `current` the one that is open; `differing` the
 * numbers of chunks in which records differ.
 */
export function chunkMap(answer, path, { current, differing = new Set() } = {}) {
  if (!answer.count) return h("p", { class: "soft" }, "The source was not cut into chunks yet.");
  const cells = cellsOf(answer);
  const known = [...differing].sort((left, right) => left - right);
  const data = {
    answer,
    cells,
    current,
    differing,
    open: (no) => {
      location.hash = path(no);
    },
  };
  const go = (event) => {
    event.preventDefault();
    const no = Number(new FormData(event.target).get("chunk"));
    if (Number.isInteger(no)) location.hash = path(no);
  };
  return h(
    "div",
    { class: "chunk-map", key: "chunk-map" },
    h(
      "ul",
      { class: "legend", "aria-label": "Chunks by state" },
      tally(answer, cells)
        .filter((state) => state.chunks)
        .map((state) =>
          h(
            "li",
            null,
            h("span", { class: `cell ${state.look}`, "aria-hidden": "true" }),
            `${state.word} `,
            h("strong", null, count(state.chunks)),
          ),
        ),
    ),
    alarms(answer, cells, path),
    links("≠ Records differ in: ", known.slice(0, LISTED), path, Math.max(0, known.length - LISTED)),
    h("div", {
      class: "map",
      key: "map",
      live: {
        mount(root) {
          (root.pageMap = new Drawing(root)).set(data);
        },
        update(root) {
          (root.pageMap ??= new Drawing(root)).set(data);
        },
      },
    }),
    answer.count > cells.length
      ? h("p", { class: "soft small" }, `${plural(cells.length, "chunk")} of ${count(answer.count)} are shown.`)
      : null,
    h(
      "form",
      { class: "goto", on: { submit: go } },
      h(
        "label",
        null,
        hidden("Open "),
        "Chunk ",
        h("input", {
          name: "chunk",
          type: "number",
          min: answer.from,
          max: answer.from + answer.count - 1,
          required: true,
          inputmode: "numeric",
        }),
      ),
      h("button", null, "Open"),
    ),
  );
}
