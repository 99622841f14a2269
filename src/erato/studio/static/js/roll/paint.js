// Draws the parts of a piano roll with a canvas's pen: the grid, the keyboard, the ruler, notes, the playhead. What is where
// it is told by `place`: {x(tick), y(pitch), perTick, row, width, height, keys, ruler, from, to, low, high} in CSS pixels,
// ticks and pitches. Knows nothing of gestures or of what is selected by whom.

import { shadeOf } from "./colours.js";

const BLACK = new Set([1, 3, 6, 8, 10]);
const OCTAVE = 12;
const NEAR = { beat: 14, cell: 9, number: 40 }; // pixels: what lies closer than that is left out
const MANY = 1200; // notes from which corners stay square
const FINGER = 16; // pixels of a row from which every white key is named

export const isBlack = (pitch) => BLACK.has(pitch % OCTAVE);

// What a key is drawn on and the rows beside it.
export const paintRows = (pen, place, colours) => {
  const { keys, width, row } = place;
  pen.fillStyle = colours.paper;
  pen.fillRect(0, 0, width, place.height);
  for (let pitch = place.low; pitch <= place.high; pitch++) {
    const y = place.y(pitch);
    pen.fillStyle = colours.shaded;
    if (isBlack(pitch)) pen.fillRect(keys, y, width - keys, row);
  }
};

// Lines under every C and F, where two white keys meet.
export const paintOctaves = (pen, { keys, width, row, low, high, y }, colours) => {
  for (let pitch = low; pitch <= high; pitch++) {
    if (pitch % OCTAVE !== 0 && pitch % OCTAVE !== 5) continue;
    pen.fillStyle = pitch % OCTAVE ? colours.beat : colours.bar;
    pen.fillRect(keys, Math.round(y(pitch) + row) - 1, width - keys, 1);
  }
};

// Lines of bars, beats and the grid: `time` is {bars, beat(bar), first: the number of the first}.
export const paintTime = (pen, place, colours, time, step) => {
  const line = (tick, colour, wide = 1) => {
    pen.fillStyle = colour;
    pen.fillRect(Math.round(place.x(tick)), place.ruler, wide, place.height);
  };
  for (const [at, bar] of time.bars.entries()) {
    const next = time.bars[at + 1] ?? bar, beat = time.beat(bar);
    if (next < place.from || bar > place.to) continue;
    if (step && step * place.perTick >= NEAR.cell)
      for (let tick = bar + step; tick < next - 1; tick += step) line(tick, colours.shaded);
    if (beat * place.perTick >= NEAR.beat) for (let tick = bar + beat; tick < next - 1; tick += beat) line(tick, colours.line);
    line(bar, colours.bar);
  }
};

// The ruler above with the numbers of bars, and the stretch that is played again and again.
export const paintRuler = (pen, place, colours, time, loop) => {
  pen.fillStyle = colours.shaded;
  pen.fillRect(0, 0, place.width, place.ruler);
  if (loop) {
    pen.fillStyle = colours.accent;
    pen.globalAlpha = 0.25;
    pen.fillRect(place.x(loop[0]), 0, (loop[1] - loop[0]) * place.perTick, place.ruler);
    pen.globalAlpha = 1;
    for (const tick of loop) pen.fillRect(place.x(tick) - 1, 0, 2, place.ruler);
  }
  pen.fillStyle = colours.line;
  pen.fillRect(0, place.ruler - 1, place.width, 1);
  pen.font = `12px ${colours.font}`;
  pen.textBaseline = "middle";
  const usual = (time.bars[1] ?? 1) * place.perTick, every = 2 ** Math.max(0, Math.ceil(Math.log2(NEAR.number / usual)));
  for (const [at, bar] of time.bars.entries()) {
    if (bar < place.from - usual / place.perTick || bar > place.to || (at + time.first - 1) % every) continue;
    pen.fillStyle = colours.bar;
    pen.fillRect(Math.round(place.x(bar)), place.ruler - 9, 1, 8);
    pen.fillStyle = colours.soft;
    pen.fillText(String(at + time.first), place.x(bar) + 5, place.ruler / 2);
  }
};

// A dashed line where something begins, with a word for it in the ruler.
export const paintMark = (pen, place, colours, tick, word) => {
  const x = Math.round(place.x(tick)) + 0.5;
  pen.strokeStyle = pen.fillStyle = colours.accent;
  pen.lineWidth = 1.5;
  pen.setLineDash([5, 4]);
  pen.beginPath();
  pen.moveTo(x, place.ruler);
  pen.lineTo(x, place.height);
  pen.stroke();
  pen.setLineDash([]);
  pen.font = `600 11px ${colours.font}`;
  pen.textAlign = "right";
  pen.fillText(word, x - 4, place.ruler / 2);
  pen.textAlign = "left";
};

// The keyboard at the left; `pressed` is a pitch or null.
export const paintKeys = (pen, place, colours, pressed) => {
  const { keys, row } = place;
  pen.fillStyle = colours.ivory;
  pen.fillRect(0, place.ruler, keys, place.height);
  for (let pitch = place.low; pitch <= place.high; pitch++) {
    const y = place.y(pitch), down = pitch === pressed;
    if (isBlack(pitch)) {
      pen.fillStyle = down ? colours.accent : colours.ebony;
      pen.fillRect(0, y + 0.5, keys * 0.62, row - 1);
      pen.fillStyle = colours.bar;
      pen.fillRect(keys * 0.62, Math.round(y + row / 2), keys * 0.38, 1);
    } else if (down) {
      pen.fillStyle = colours.accent;
      pen.fillRect(0, y, keys, row);
    }
    if (pitch % OCTAVE !== 0 && pitch % OCTAVE !== 5) continue;
    pen.fillStyle = colours.bar;
    pen.fillRect(0, Math.round(y + row) - 1, keys, 1);
  }
  paintNames(pen, place, colours);
  pen.fillStyle = colours.line;
  pen.fillRect(keys - 1, 0, 1, place.height);
};

const paintNames = (pen, place, colours) => {
  const names = "C D EF G A B";
  pen.font = `${Math.min(11, place.row)}px ${colours.font}`;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  pen.fillStyle = colours.onIvory;
  for (let pitch = place.low; pitch <= place.high; pitch++) {
    const name = names[pitch % OCTAVE], isC = pitch % OCTAVE === 0;
    if (isC || (place.row >= FINGER && name !== " ")) pen.fillText(isC ? `C${pitch / OCTAVE - 1}` : name, place.keys - 5, place.y(pitch) + place.row / 2 + 0.5);
  }
  pen.textAlign = "left";
};

// Notes, grouped so that the pen changes its colour seldom. `shape(note)` gives the {onset, duration, pitch} to draw it with.
export const paintNotes = (pen, place, colours, notes, { shape = (note) => note, selected = false } = {}) => {
  const groups = new Map(), count = colours.fills.length, paint = notes.length > MANY || place.row < 6 ? paintSquare : paintRound;
  for (const note of notes) {
    const track = note.track % count, key = track * 100 + shadeOf(note.velocity);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(boxOf(place, shape(note)));
  }
  for (const [key, boxes] of groups) {
    const track = Math.floor(key / 100);
    paint(pen, boxes, colours.fills[track][key % 100], selected ? colours.ink : colours.edges[track], selected ? 2 : 1);
  }
};

const paintRound = (pen, boxes, fill, edge, thick) => {
  pen.beginPath();
  for (const [x, y, wide, high] of boxes) pen.roundRect(x, y, wide, high, Math.min(3, wide / 2));
  pen.fillStyle = fill;
  pen.fill();
  pen.strokeStyle = edge;
  pen.lineWidth = thick;
  pen.stroke();
};

// Thousands of notes: rectangles within rectangles are many times faster than lines around them.
const paintSquare = (pen, boxes, fill, edge, thick) => {
  pen.fillStyle = edge;
  for (const [x, y, wide, high] of boxes) pen.fillRect(x, y, wide, high);
  pen.fillStyle = fill;
  for (const [x, y, wide, high] of boxes) {
    const inset = wide > 5 * thick ? thick : thick / 2;
    if (wide > 2 * inset && high > 2 * inset) pen.fillRect(x + inset, y + inset, wide - 2 * inset, high - 2 * inset);
  }
};

const boxOf = (place, { onset, duration, pitch }) =>
  [place.x(onset) + 0.5, place.y(pitch) + 1, Math.max(2, duration * place.perTick - 1), Math.max(2, place.row - 2)];

// The line that goes with the sound, with a handle in the ruler.
export const paintPlayhead = (pen, place, colours, tick) => {
  const x = place.x(tick);
  if (x < place.keys - 1 || x > place.width) return;
  pen.fillStyle = colours.paper;
  pen.fillRect(x - 2, place.ruler, 4, place.height);
  pen.fillStyle = colours.ink;
  pen.fillRect(x - 1, place.ruler, 2, place.height);
  pen.beginPath();
  pen.moveTo(x - 6, place.ruler - 11);
  pen.lineTo(x + 6, place.ruler - 11);
  pen.lineTo(x, place.ruler);
  pen.fill();
};

export const paintBand = (pen, place, colours, { from, to, low, high }) => {
  const box = [place.x(from), place.y(high), (to - from) * place.perTick, (high - low + 1) * place.row];
  pen.fillStyle = pen.strokeStyle = colours.accent;
  pen.globalAlpha = 0.14;
  pen.fillRect(...box);
  pen.globalAlpha = 1;
  pen.lineWidth = 1.5;
  pen.strokeRect(...box);
};
