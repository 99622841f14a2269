// Notes in words, for those who hear the page and do not see it. Pure; knows nothing of the page.

import { barAt } from "./time.js";

const NAMES = ["C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B"];
const LENGTHS = new Map([
  [4, "a whole note"], [3, "a dotted half"], [2, "a half note"], [1.5, "a dotted quarter"], [1, "a quarter note"], [0.75, "a dotted eighth"],
  [0.5, "an eighth note"], [0.25, "a sixteenth note"], [0.125, "a thirty-second note"],
]);
const OCTAVE = 12;

// "F sharp 4"; middle C is C 4.
export const pitchName = (pitch) => `${NAMES[pitch % OCTAVE]} ${Math.floor(pitch / OCTAVE) - 1}`;

const lengthName = (quarters) => {
  const known = [...LENGTHS].find(([length]) => Math.abs(length - quarters) < 0.02 * length);
  return known ? known[1] : `${quarters.toFixed(2)} quarters long`;
};

// "F sharp 4, bar 3, beat 2, a quarter note, velocity 80, Violin, note 12 of 340"
export const noteInWords = (state, note, place, of) => {
  const { bar, beat } = barAt(state, note.onset), { name } = state.tracks[note.track];
  const words = [pitchName(note.pitch), `bar ${bar}`, `beat ${beat}`, lengthName(note.duration / state.ticksPerQuarter), `velocity ${note.velocity}`];
  if (state.tracks.length > 1 && name) words.push(name);
  return [...words, `note ${place} of ${of}`].join(", ");
};

// What is selected, and where it is now.
export const selectionInWords = (state, notes) => {
  if (!notes.length) return "Nothing is selected";
  if (notes.length > 1) return `${notes.length} notes are selected`;
  const { bar, beat } = barAt(state, notes[0].onset);
  return `${pitchName(notes[0].pitch)}, bar ${bar}, beat ${beat}, ${lengthName(notes[0].duration / state.ticksPerQuarter)}`;
};
