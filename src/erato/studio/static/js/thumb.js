// Small pictures of scores. `drawRoll(canvas, score, {from, to})` fills a canvas, as large as the style sheet makes it, with
// the notes from tick `from` to tick `to` (all, unless said), and draws them again when the page turns dark or light.
// Reads the score of the API; cannot be played and asks the server for nothing.

import { coloursOf, onLook, shadeOf } from "./roll/colours.js";

const LEAST = 24; // semitones shown, so that a line of few notes looks like one
const AROUND = 2; // semitones above the highest and below the lowest note
const drawn = new Map(); // canvas -> what it shows

export const drawRoll = (canvas, score, { from = 0, to = endOf(score) } = {}) => {
  for (const known of drawn.keys()) if (!known.isConnected) drawn.delete(known);
  drawn.set(canvas, () => draw(canvas, score, from, to));
  draw(canvas, score, from, to);
};

// The tick at which a score ends.
export const endOf = (score) => {
  let end = (score.bars && score.bars.at(-1)) || 0;
  for (const { notes } of score.tracks) for (const [onset, duration] of notes) end = Math.max(end, onset + duration);
  return end;
};

// [[track, note], ...] of what sounds in the time shown.
const notesWithin = (score, from, to) => score.tracks.flatMap(({ notes }, track) =>
  notes.filter(([onset, duration]) => onset < to && onset + duration > from).map((note) => [track, note]));

// [lowest, highest] pitch to show.
const pitchesOf = (notes) => {
  let low = 127, high = 0;
  for (const [, [, , pitch]] of notes) [low, high] = [Math.min(low, pitch), Math.max(high, pitch)];
  if (low > high) [low, high] = [60, 60];
  const more = Math.max(AROUND, Math.ceil((LEAST - (high - low)) / 2));
  return [low - more, high + more];
};

const draw = (canvas, score, from, to) => {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth || canvas.width, height = canvas.clientHeight || canvas.height;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d"), colours = coloursOf(canvas.isConnected ? canvas : document.documentElement);
  pen.scale(ratio, ratio);
  const notes = notesWithin(score, from, to), [low, high] = pitchesOf(notes), count = colours.fills.length;
  const perTick = width / Math.max(1, to - from), row = height / (high - low + 1);
  pen.fillStyle = colours.line;
  for (const bar of score.bars || []) if (bar > from && bar < to) pen.fillRect((bar - from) * perTick, 0, 0.5, height);
  for (const [track, [onset, duration, pitch, velocity]] of notes) {
    pen.fillStyle = colours.fills[track % count][shadeOf(velocity)];
    const tall = Math.max(1.5, row - 0.25);
    pen.fillRect((onset - from) * perTick, (high - pitch) * row, Math.max(1.2, duration * perTick - 0.5), tall);
  }
};

onLook(() => drawn.forEach((again, canvas) => (canvas.isConnected ? again() : drawn.delete(canvas))));
