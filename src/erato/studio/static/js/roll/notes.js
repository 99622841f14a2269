// The notes of a piece while it is edited, and all that can be done with them. Pure: a state is never changed, every
// operation gives a new one (or the same, where nothing changed). Knows nothing of pixels, of the page or of the server.
//
// A state is {ticksPerQuarter, tempos, timeSignatures, keySignatures, bars, tracks: [{name, program, drums}], notes, next};
// a note is {id, track, onset, duration, pitch, velocity}, times in ticks; `next` is the id that the next new note gets.
// `ids` is a Set of the ids of notes.

import { snapped } from "./time.js";

const PITCHES = 127, LOUDEST = 127;
const MOST_UNDONE = 500;

const within = (value, low, high) => Math.min(Math.max(value, low), high);

// ---- to and from the score of the API

export const fromJson = (score) => {
  let next = 1;
  const tracks = score.tracks.length ? score.tracks : emptyScore().tracks;
  const notes = tracks.flatMap((track, at) =>
    track.notes.map(([onset, duration, pitch, velocity]) => ({ id: next++, track: at, onset, duration, pitch, velocity })));
  return {
    ticksPerQuarter: score.ticks_per_quarter, tempos: score.tempos || [], timeSignatures: score.time_signatures || [],
    keySignatures: score.key_signatures || [], bars: score.bars || [],
    tracks: tracks.map(({ name, program, drums }) => ({ name, program, drums })), notes, next,
  };
};

export const byTime = (a, b) => a.onset - b.onset || a.pitch - b.pitch || a.track - b.track || a.id - b.id;

export const toJson = (state) => {
  const tracks = state.tracks.map((track) => ({ ...track, notes: [] }));
  for (const { track, onset, duration, pitch, velocity } of [...state.notes].sort(byTime))
    tracks[track].notes.push([onset, duration, pitch, velocity]);
  return {
    ticks_per_quarter: state.ticksPerQuarter, tempos: state.tempos, time_signatures: state.timeSignatures,
    key_signatures: state.keySignatures, tracks,
  };
};

// A piece to begin from: one track of piano, so many quarters a minute, no notes.
export const emptyScore = (tempo = 120) => ({
  ticks_per_quarter: 480, tempos: [[0, tempo]], time_signatures: [[0, 4, 4]], key_signatures: [], bars: [],
  tracks: [{ name: "Piano", program: 0, drums: false, notes: [] }],
});

// ---- what is there

export const chosen = (state, ids) => state.notes.filter(({ id }) => ids.has(id));

// The tick at which the last note ends.
export const endOf = (state) => state.notes.reduce((end, { onset, duration }) => Math.max(end, onset + duration), 0);

// {from, to, low, high} around notes; null where there are none.
export const boundsOf = (notes) => {
  if (!notes.length) return null;
  const bounds = { from: Infinity, to: 0, low: PITCHES, high: 0 };
  for (const { onset, duration, pitch } of notes) {
    bounds.from = Math.min(bounds.from, onset);
    bounds.to = Math.max(bounds.to, onset + duration);
    bounds.low = Math.min(bounds.low, pitch);
    bounds.high = Math.max(bounds.high, pitch);
  }
  return bounds;
};

// ---- what can be done

// `state` with more notes, and the ids that they got: {state, ids}.
export const added = (state, notes) => {
  let { next } = state;
  const more = notes.map((note) => ({
    id: next++, track: note.track, onset: Math.max(0, Math.round(note.onset)),
    duration: Math.max(1, Math.round(note.duration)), pitch: within(note.pitch, 0, PITCHES),
    velocity: within(Math.round(note.velocity), 1, LOUDEST),
  }));
  if (!more.length) return { state, ids: new Set() };
  return { state: { ...state, notes: [...state.notes, ...more], next }, ids: new Set(more.map(({ id }) => id)) };
};

export const removed = (state, ids) => {
  const notes = state.notes.filter(({ id }) => !ids.has(id));
  return notes.length === state.notes.length ? state : { ...state, notes };
};

// `change(note)` gives the fields of a note that become others.
const changed = (state, ids, change) => {
  let other = false;
  const notes = state.notes.map((note) => {
    if (!ids.has(note.id)) return note;
    const fields = change(note), differs = Object.keys(fields).some((key) => fields[key] !== note[key]);
    other ||= differs;
    return differs ? { ...note, ...fields } : note;
  });
  return other ? { ...state, notes } : state;
};

// How far notes can go together when they are to go so far: no pitch leaves the keyboard, none begins before the piece.
export const reach = (notes, ticks, semitones) => {
  const bounds = boundsOf(notes);
  if (!bounds) return { ticks: 0, semitones: 0 };
  const { from, low, high } = bounds;
  return { ticks: Math.max(ticks, -from), semitones: within(semitones, -low, PITCHES - high) };
};

export const moved = (state, ids, ticks, semitones) => {
  const far = reach(chosen(state, ids), Math.round(ticks), semitones);
  return changed(state, ids, ({ onset, pitch }) => ({ onset: onset + far.ticks, pitch: pitch + far.semitones }));
};

// Makes notes longer by so many ticks at their end (or begin earlier by so many), none shorter than `least`.
export const resizedNote = ({ onset, duration }, ticks, edge, least) => {
  const shortest = Math.min(least, duration); // what is shorter already stays as it is
  if (edge === "end") return { onset, duration: Math.max(shortest, duration + ticks) };
  const start = within(onset + ticks, 0, onset + duration - shortest);
  return { onset: start, duration: onset + duration - start };
};

export const resized = (state, ids, ticks, edge = "end", least = 1) =>
  changed(state, ids, (note) => resizedNote(note, Math.round(ticks), edge, Math.max(1, Math.round(least))));

// Onsets (and, if wanted, ends) go to the nearest line of a grid of `step` ticks that begins anew in every bar.
export const quantised = (state, ids, step, lengths = false) =>
  changed(state, ids, ({ onset, duration }) => {
    const start = snapped(state, onset, step);
    return { onset: start, duration: lengths ? Math.max(Math.round(step), Math.round(duration / step) * step) : duration };
  });

export const louder = (state, ids, by) => changed(state, ids, ({ velocity }) => ({ velocity: within(velocity + by, 1, LOUDEST) }));

export const withVelocity = (state, ids, velocity) => changed(state, ids, () => ({ velocity: within(Math.round(velocity), 1, LOUDEST) }));

export const onTrack = (state, ids, track) => changed(state, ids, () => ({ track }));

// What the clipboard holds: notes from their first onset on, and how long they last together.
export const copied = (state, ids) => {
  const notes = chosen(state, ids), bounds = boundsOf(notes);
  if (!bounds) return null;
  const { from, to } = bounds;
  return { ticksPerQuarter: state.ticksPerQuarter, span: to - from, notes: notes.map((note) => ({ ...note, onset: note.onset - from })) };
};

// Puts what was copied, also from another piece, at a tick: {state, ids}. Tracks that are not here become the last one.
export const pasted = (state, clip, tick) => {
  const scale = state.ticksPerQuarter / clip.ticksPerQuarter, last = state.tracks.length - 1;
  return added(state, clip.notes.map((note) => ({
    ...note, track: Math.min(note.track, last), onset: tick + note.onset * scale, duration: note.duration * scale,
  })));
};

// The same notes once more behind themselves, on the next line of the grid: {state, ids}.
export const duplicated = (state, ids, step) => {
  const clip = copied(state, ids);
  if (!clip) return { state, ids };
  const { from } = boundsOf(chosen(state, ids));
  return pasted(state, clip, from + Math.max(1, Math.ceil(clip.span / step - 1e-6)) * step);
};

export const withTempo = (state, perMinute) => ({ ...state, tempos: [[0, perMinute]] });

// One time signature from the beginning on; notes stay where they are, bar lines do not.
export const withMeter = (state, numerator, denominator) => ({ ...state, timeSignatures: [[0, numerator, denominator]], bars: [] });

export const withTrack = (state, track) => ({ ...state, tracks: [...state.tracks, track] });

// ---- undo and redo: the states there were, each with what was selected in it

export class History {
  #past = [];
  #future = [];

  constructor(state) {
    this.now = { state, selection: new Set() };
  }

  get state() { return this.now.state; }

  get canUndo() { return this.#past.length > 0; }

  get canRedo() { return this.#future.length > 0; }

  // Takes a new state; `merged` makes it one step with the one before (a key that is held down).
  push(state, selection, merged = false) {
    if (state === this.state) return;
    if (!merged || !this.#past.length) this.#past.push(this.now);
    if (this.#past.length > MOST_UNDONE) this.#past.shift();
    this.#future = [];
    this.now = { state, selection };
  }

  undo() {
    if (!this.canUndo) return false;
    this.#future.push(this.now);
    this.now = this.#past.pop();
    return true;
  }

  redo() {
    if (!this.canRedo) return false;
    this.#past.push(this.now);
    this.now = this.#future.pop();
    return true;
  }
}
