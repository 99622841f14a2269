// A piano roll at work: what is edited, what is selected, with which grid and tool, and everything that can be done to it, each
// as one step that can be undone. Keys, gestures and buttons call the same methods. Knows nothing of events of the browser,
// of the server or of sound.
//
// Events: "change" (there is another state), "selection", "settings" (tool, grid, track, what is hidden), "touch" (detail: a
// note that was put or picked up, to be heard).

import {
  History, added, boundsOf, byTime, chosen, copied, duplicated, louder, moved, onTrack, pasted, quantised, removed, resized,
  withMeter, withTempo, withTrack, withVelocity,
} from "./notes.js";
import { barAt, cellOf } from "./time.js";
import { RollView } from "./view.js";

const OCTAVE = 12;
const USUAL_VELOCITY = 84;
// Grids by name: parts of a whole note.
export const GRIDS = { "1/4": 1 / 4, "1/8": 1 / 8, "1/8 triplet": 1 / 12, "1/16": 1 / 16, "1/16 triplet": 1 / 24, "1/32": 1 / 32, free: 0 };

let clipboard = null; // of all pieces of this page

export class Roll extends EventTarget {
  tool = "select";
  grid = "1/16";
  track = 0;
  hidden = new Set();
  playhead = 0;
  #length = null; // ticks of the note that was drawn or resized last
  #velocity = USUAL_VELOCITY;

  constructor(state) {
    super();
    this.view = new RollView();
    this.start(state);
  }

  end() { this.view.end(); }

  // Begins anew with a state: nothing to undo.
  start(state) {
    this.history = new History(state);
    this.track = Math.min(this.track, Math.max(0, state.tracks.length - 1));
    this.#show();
  }

  get state() { return this.history.state; }

  get selection() { return this.history.now.selection; }

  // Ticks of a cell of the grid; 0: none.
  get step() { return GRIDS[this.grid] * 4 * this.state.ticksPerQuarter; }

  // What arrows move by where there is no grid.
  get nudge() { return this.step || this.state.ticksPerQuarter / 8; }

  get canPaste() { return clipboard !== null; }

  // ---- steps

  // Makes `state` what is there; `selection` is what is selected then.
  act(state, selection = this.selection, merged = false) {
    if (state === this.state) return false;
    this.history.push(state, selection, merged);
    this.#show();
    this.#tell("change");
    this.#tell("selection");
    return true;
  }

  undo() { this.#turn(this.history.undo()); }

  redo() { this.#turn(this.history.redo()); }

  #turn(done) {
    if (!done) return;
    this.track = Math.min(this.track, this.state.tracks.length - 1);
    this.#show();
    this.#tell("change");
    this.#tell("selection");
  }

  // ---- selecting

  select(ids) {
    this.history.now = { ...this.history.now, selection: ids };
    this.view.show({ selection: ids });
    this.#tell("selection");
  }

  toggle(id) {
    const ids = new Set(this.selection);
    if (!ids.delete(id)) ids.add(id);
    this.select(ids);
  }

  selectAll() { this.select(new Set(this.visible().map(({ id }) => id))); }

  visible() { return this.state.notes.filter(({ track }) => !this.hidden.has(track)); }

  chosen() { return chosen(this.state, this.selection); }

  // The next note (or with -1 the one before) in the order of time becomes the selected one; null where there is none.
  walk(by) {
    const notes = this.visible().sort(byTime), at = notes.findIndex(({ id }) => this.selection.has(id));
    const next = this.selection.size ? at + by : by > 0 ? this.#atPlayhead(notes) : notes.length - 1;
    const note = notes[next];
    if (!note) return null;
    this.select(new Set([note.id]));
    this.view.reveal(boundsOf([note]));
    this.touch(note);
    return { note, place: next + 1, of: notes.length };
  }

  #atPlayhead(notes) {
    const found = notes.findIndex(({ onset }) => onset >= Math.floor(this.playhead));
    return found < 0 ? 0 : found;
  }

  // ---- what is done to the selected notes (to all, where it says so)

  move(ticks, semitones, merged = false) {
    if (!this.act(moved(this.state, this.selection, ticks, semitones), this.selection, merged)) return;
    this.view.reveal(boundsOf(this.chosen()));
    if (semitones) this.touch(this.chosen()[0]);
  }

  resize(ticks, edge = "end") {
    if (this.act(resized(this.state, this.selection, ticks, edge, this.least))) this.remember(this.chosen()[0]);
  }

  // How short a note can be made.
  get least() { return Math.min(this.nudge, this.state.ticksPerQuarter / 8); }

  transpose(semitones) { this.act(moved(this.state, this.#aimed(), 0, semitones)); }

  quantise(lengths = false) {
    if (this.step) this.act(quantised(this.state, this.#aimed(), this.step, lengths));
  }

  louder(by, merged = false) { this.act(louder(this.state, this.selection, by), this.selection, merged); }

  setVelocity(velocity, merged = false) {
    this.#velocity = velocity;
    this.act(withVelocity(this.state, this.selection, velocity), this.selection, merged);
  }

  remove() { this.act(removed(this.state, this.selection), new Set()); }

  duplicate() {
    const { state, ids } = duplicated(this.state, this.selection, this.nudge);
    this.act(state, ids);
    this.#reveal();
  }

  copy() { clipboard = copied(this.state, this.selection) || clipboard; }

  cut() {
    this.copy();
    this.remove();
  }

  // At the playhead, at the line of the grid before it.
  paste() {
    if (!clipboard) return;
    const { state, ids } = pasted(this.state, clipboard, cellOf(this.state, this.playhead, this.step));
    this.act(state, ids);
    this.#reveal();
  }

  moveToTrack(track) { this.act(onTrack(this.state, this.selection, track)); }

  #aimed() { return this.selection.size ? this.selection : new Set(this.visible().map(({ id }) => id)); }

  #reveal() {
    const bounds = boundsOf(this.chosen());
    if (bounds) this.view.reveal(bounds);
  }

  // ---- new notes

  // A note as one is drawn now, at a tick: long and loud as the last.
  blank(tick, pitch) {
    return { track: this.track, onset: tick, duration: this.#length || this.nudge * (this.step ? 2 : 1), pitch, velocity: this.#velocity };
  }

  // Puts notes in, as one step, and selects them.
  add(notes) {
    const { state, ids } = added(this.state, notes);
    this.act(state, ids);
  }

  // What the next note is to be like.
  remember({ duration, velocity }) {
    this.#length = duration;
    this.#velocity = velocity;
  }

  // A note behind the selected one, or at the playhead.
  addBehind() {
    const before = this.chosen().sort(byTime).at(-1);
    const onset = before ? before.onset + before.duration : cellOf(this.state, this.playhead, this.step);
    const note = this.blank(onset, before ? before.pitch : 5 * OCTAVE);
    this.add([note]);
    this.#reveal();
    this.touch(note);
  }

  touch(note) {
    const { drums, program } = this.state.tracks[note.track] || {};
    this.dispatchEvent(new CustomEvent("touch", { detail: { ...note, drums, program } }));
  }

  // ---- settings

  set(settings) {
    Object.assign(this, settings);
    this.#show();
    this.#tell("settings");
  }

  hide(track, hidden) {
    const all = new Set(this.hidden);
    if (hidden) all.add(track);
    else all.delete(track);
    if (hidden) this.select(new Set(this.chosen().filter((note) => note.track !== track).map(({ id }) => id)));
    this.set({ hidden: all });
  }

  addTrack(track) {
    this.act(withTrack(this.state, track));
    this.set({ track: this.state.tracks.length - 1 });
  }

  setMeter(numerator, denominator) { this.act(withMeter(this.state, numerator, denominator)); }

  setTempo(perMinute) { this.act(withTempo(this.state, perMinute)); }

  // The stretch that is played again and again, [from, to] in ticks; null: none.
  setLoop(loop) { this.set({ loop }); }

  // Where the selected notes are, in whole cells; null where there are none.
  stretch() {
    const bounds = boundsOf(this.chosen());
    if (!bounds) return null;
    const from = cellOf(this.state, bounds.from, this.step), step = this.nudge;
    return [from, Math.max(from + step, Math.round(from + Math.ceil((bounds.to - from) / step - 1e-6) * step))];
  }

  goTo(tick) {
    this.playhead = Math.max(0, tick);
    this.view.show({ playhead: this.playhead });
  }

  // The bar that is meant: of the selected notes, else of the playhead; from 1.
  barAtHand() {
    const bounds = boundsOf(this.chosen());
    return barAt(this.state, bounds ? bounds.from : this.playhead).bar;
  }

  loop = null;

  #show() {
    const { state, selection, hidden, track, loop, playhead, step } = this;
    this.view.show({ state, selection, hidden, track, loop, playhead, step });
  }

  #tell(name) { this.dispatchEvent(new Event(name)); }
}
