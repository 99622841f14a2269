// The picture of a piano roll: three canvases over each other in a box that scrolls (grid and keyboard; notes that lie still;
// what moves), of which only the layers that changed are drawn again, at most once a frame, and only what is in sight.
// Shows a scene that it is told; knows nothing of gestures, of undo or of the server.

import { h } from "../dom.js";
import { coloursOf, onLook } from "./colours.js";
import { DRAWN } from "./layers.js";
import { endOf } from "./notes.js";
import { placesOf } from "./places.js";
import { barLines, beatLength, pickup, placeIn } from "./time.js";

const PITCHES = 128;
const KEYS = 56, RULER = 28; // pixels
const ZOOM = { perQuarter: [4, 400], row: [5, 32] };
const FIT = [9, 15], MARGIN = 2; // pixels of a row at first; rows above and below the notes
const BEYOND = 4; // bars to draw in behind the last
const LAYERS = Object.keys(DRAWN);
// Which layers show what of the scene.
const SHOWN = {
  state: LAYERS, hidden: ["notes", "over"], selection: ["notes", "over"], step: ["grid"], loop: ["grid", "over"],
  pressed: ["grid"], track: ["notes"],
  drag: ["over"], band: ["over"], playhead: ["over"], fresh: ["over"], mark: ["grid"],
};

export class RollView {
  // What is shown; `drag` is {ids, notes, ticks, semitones} or {ids, notes, ticks, edge, least}, `fresh` is a list of notes
  // that are not in the state yet, `mark` the tick at which what was composed begins.
  scene = {
    state: null, selection: new Set(), hidden: new Set(), track: 0, step: 0, loop: null, pressed: null, drag: null, band: null,
    playhead: 0, fresh: [], mark: null,
  };
  #stale = new Set();
  #frame = 0;
  #perQuarter = 36;

  constructor() {
    this.canvases = Object.fromEntries(LAYERS.map((name) => [name, h("canvas", { class: `pianoroll-layer`, "aria-hidden": "true" })]));
    this.window = h("div", { class: "pianoroll-window" }, LAYERS.map((name) => this.canvases[name]));
    this.space = h("div", { class: "pianoroll-space" }, this.window);
    this.element = h("div", { class: "pianoroll", tabindex: "0" }, this.space);
    this.row = 13;
    this.element.addEventListener("scroll", () => this.stale(...LAYERS), { passive: true });
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(this.element);
    this.offLook = onLook(() => this.#recolour());
  }

  end() {
    this.observer.disconnect();
    this.offLook();
    cancelAnimationFrame(this.#frame);
  }

  // Takes what is new in the scene.
  show(news) {
    for (const key of Object.keys(news)) {
      if (this.scene[key] === news[key]) continue;
      if (key === "drag" && !(this.scene.drag && news.drag)) this.stale("notes"); // what is dragged leaves the notes that lie still
      this.scene[key] = news[key];
      this.stale(...SHOWN[key]);
    }
    if (news.state) this.#measure();
  }

  stale(...layers) {
    for (const layer of layers) this.#stale.add(layer);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  // ---- where things are

  get perTick() { return this.#perQuarter / this.scene.state.ticksPerQuarter; }

  get keys() { return KEYS; }

  get ruler() { return RULER; }

  // {tick, pitch, x, y, area} under a pointer event; area: "corner", "keys", "ruler" or "notes".
  under(event) {
    const box = this.window.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const tick = (x - KEYS + this.element.scrollLeft) / this.perTick;
    const pitch = PITCHES - 1 - Math.floor((y - RULER + this.element.scrollTop) / this.row);
    const area = y < RULER ? (x < KEYS ? "corner" : "ruler") : x < KEYS ? "keys" : "notes";
    return { tick, pitch: Math.min(Math.max(pitch, 0), PITCHES - 1), x, y, area };
  }

  // The note on top at a place, and which edge of it, if any: {note, edge}; `near` pixels count as the edge.
  noteAt({ tick, pitch }, near) {
    const { state, hidden, track } = this.scene, around = near / 2 / this.perTick;
    const found = placesOf(state).at(tick, pitch, around).filter((note) => !hidden.has(note.track));
    if (!found.length) return null;
    const exact = found.filter(({ onset, duration }) => onset <= tick && onset + duration >= tick);
    const best = (exact.length ? exact : found).sort((a, b) => (b.track === track) - (a.track === track) || b.onset - a.onset)[0];
    const wide = best.duration * this.perTick, reach = Math.min(near, wide / 3) / this.perTick;
    if (tick > best.onset + best.duration - reach) return { note: best, edge: "end" };
    return { note: best, edge: wide > 3 * near && tick < best.onset + reach ? "start" : null };
  }

  // Those in sight of the piece that a band touches.
  notesIn({ from, to, low, high }) {
    const { state, hidden } = this.scene;
    return placesOf(state).within(from, to, low, high).filter(({ track }) => !hidden.has(track));
  }

  #place() {
    const { clientWidth: width, clientHeight: height, scrollLeft, scrollTop } = this.element, { perTick, row } = this;
    const top = PITCHES - 1 - Math.floor(scrollTop / row), rows = Math.ceil((height - RULER) / row) + 1;
    return {
      x: (tick) => KEYS + tick * perTick - scrollLeft, y: (pitch) => RULER + (PITCHES - 1 - pitch) * row - scrollTop,
      perTick, row, width, height, keys: KEYS, ruler: RULER, from: scrollLeft / perTick,
      to: (scrollLeft + width - KEYS) / perTick, high: Math.min(PITCHES - 1, top), low: Math.max(0, top - rows),
    };
  }

  // ---- moving and zooming

  zoom(factor, x = this.element.clientWidth / 2) {
    const { element } = this, at = (x - KEYS + element.scrollLeft) / this.#perQuarter;
    this.#perQuarter = Math.min(Math.max(this.#perQuarter * factor, ZOOM.perQuarter[0]), ZOOM.perQuarter[1]);
    this.#measure();
    element.scrollLeft = at * this.#perQuarter - x + KEYS;
    this.stale(...LAYERS);
  }

  zoomRows(factor, y = this.element.clientHeight / 2) {
    const { element } = this, at = (y - RULER + element.scrollTop) / this.row;
    this.row = Math.min(Math.max(this.row * factor, ZOOM.row[0]), ZOOM.row[1]);
    this.#measure();
    element.scrollTop = at * this.row - y + RULER;
    this.stale(...LAYERS);
  }

  pan(right, down) {
    this.element.scrollLeft += right;
    this.element.scrollTop += down;
  }

  // Brings a stretch of time and pitch into sight, as little as needed.
  reveal({ from, to, low, high }) {
    const { element, row } = this, wide = element.clientWidth - KEYS, tall = element.clientHeight - RULER;
    const [left, right] = [from * this.perTick, to * this.perTick], [top, bottom] = [(PITCHES - 1 - high) * row, (PITCHES - low) * row];
    if (left < element.scrollLeft || left > element.scrollLeft + wide) element.scrollLeft = left - wide * 0.15;
    else if (right > element.scrollLeft + wide) element.scrollLeft = Math.min(left - 8, right - wide + 24);
    if (top < element.scrollTop) element.scrollTop = top - 2 * row;
    else if (bottom > element.scrollTop + tall) element.scrollTop = Math.min(top - row, bottom - tall + 2 * row);
  }

  // Whether the playhead is in sight; `follow` turns the page when it runs out of it.
  sees(tick) {
    const x = tick * this.perTick - this.element.scrollLeft;
    return x >= 0 && x <= this.element.clientWidth - KEYS;
  }

  follow(tick) {
    this.element.scrollLeft = tick * this.perTick - 0.08 * (this.element.clientWidth - KEYS);
  }

  // So that the notes are seen at once: rows as high as all pitches allow, the first bar at the left.
  fit(bounds) {
    const { low, high } = bounds || { low: 55, high: 79 }, tall = this.element.clientHeight - RULER;
    this.row = Math.min(Math.max(tall / (high - low + 1 + 2 * MARGIN), FIT[0]), FIT[1]);
    this.#measure();
    this.element.scrollTop = (PITCHES - (low + high + 1) / 2) * this.row - tall / 2;
    this.element.scrollLeft = 0;
    this.stale(...LAYERS);
  }

  // ---- drawing

  // How far the music goes, and how large that is; some bars are there to draw in.
  #measure() {
    const { state } = this.scene;
    if (!state) return;
    const end = Math.max(endOf(state), state.bars.at(-1) || 0), sight = this.element.clientWidth / this.perTick;
    const until = Math.max(end + BEYOND * 4 * beatLength(state, end), sight), known = barLines(state, until);
    this.time = { bars: known.slice(0, placeIn(known, until - 1) + 2), beat: (bar) => beatLength(state, bar), first: 1 - pickup(state) };
    this.space.style.width = `${KEYS + this.time.bars.at(-1) * this.perTick}px`;
    this.space.style.height = `${RULER + PITCHES * this.row}px`;
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.element, ratio = window.devicePixelRatio || 1;
    for (const canvas of Object.values(this.canvases)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    this.window.style.width = `${width}px`;
    this.window.style.height = `${height}px`;
    this.#measure();
    this.#recolour();
  }

  #recolour() {
    this.colours = null;
    this.stale(...LAYERS);
  }

  #draw() {
    this.#frame = 0;
    if (!this.scene.state || !this.element.isConnected || !this.element.clientWidth) return;
    this.colours ??= coloursOf(this.element);
    const place = this.#place(), layers = [...this.#stale];
    this.#stale.clear();
    for (const name of layers) {
      const pen = this.canvases[name].getContext("2d"), ratio = window.devicePixelRatio || 1;
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, place.width, place.height);
      pen.save();
      DRAWN[name](pen, place, this.colours, this.scene, this.time);
      pen.restore();
    }
  }
}
