// The three layers of a piano roll, from the bottom up, each as what it draws of a scene (see view.js). Knows nothing of when
// it is drawn.

import { paintBand, paintKeys, paintMark, paintNotes, paintOctaves, paintPlayhead, paintRows, paintRuler, paintTime } from "./paint.js";
import { resizedNote } from "./notes.js";
import { placesOf } from "./places.js";

// Only the field of notes, without keyboard and ruler.
const clip = (pen, place) => {
  pen.beginPath();
  pen.rect(place.keys, place.ruler, place.width, place.height);
  pen.clip();
};

const grid = (pen, place, colours, scene, time) => {
  paintRows(pen, place, colours);
  paintTime(pen, place, colours, time, scene.step);
  paintOctaves(pen, place, colours);
  pen.save();
  pen.beginPath();
  pen.rect(place.keys, 0, place.width, place.height);
  pen.clip();
  paintRuler(pen, place, colours, time, scene.loop);
  if (scene.mark) paintMark(pen, place, colours, scene.mark, "new from here");
  pen.restore();
  paintKeys(pen, place, colours, scene.pressed);
  pen.fillStyle = colours.shaded;
  pen.fillRect(0, 0, place.keys, place.ruler);
};

// Those in sight that lie still: first the others, then those of the track at hand, then what is selected.
const notes = (pen, place, colours, { state, selection, hidden, track, drag }) => {
  const seen = placesOf(state).within(place.from, place.to, place.low, place.high).filter((note) => !hidden.has(note.track));
  const still = drag ? seen.filter(({ id }) => !drag.ids.has(id)) : seen;
  const plain = still.filter(({ id }) => !selection.has(id));
  clip(pen, place);
  paintNotes(pen, place, colours, plain.filter((note) => note.track !== track));
  paintNotes(pen, place, colours, plain.filter((note) => note.track === track));
  paintNotes(pen, place, colours, still.filter(({ id }) => selection.has(id)), { selected: true });
};

// How a note is drawn while it is dragged.
export const draggedShape = ({ ticks, semitones = 0, edge, least }) => (note) =>
  edge ? { pitch: note.pitch, ...resizedNote(note, ticks, edge, least) }
    : { onset: note.onset + ticks, duration: note.duration, pitch: note.pitch + semitones };

const draggedNotes = (scene, place) => {
  const { drag } = scene, shape = draggedShape(drag);
  const seen = drag.notes.filter((note) => {
    const { onset, duration, pitch } = shape(note);
    return onset < place.to && onset + duration > place.from && pitch >= place.low && pitch <= place.high;
  });
  return { seen, shape };
};

const over = (pen, place, colours, scene) => {
  const { loop, drag, band, fresh, playhead } = scene;
  pen.save();
  clip(pen, place);
  if (loop) {
    pen.fillStyle = colours.accent;
    pen.globalAlpha = 0.07;
    pen.fillRect(place.x(loop[0]), place.ruler, (loop[1] - loop[0]) * place.perTick, place.height);
    pen.globalAlpha = 1;
  }
  if (drag) {
    const { seen, shape } = draggedNotes(scene, place);
    paintNotes(pen, place, colours, seen, { shape, selected: true });
  }
  paintNotes(pen, place, colours, fresh, { selected: true });
  if (band) paintBand(pen, place, colours, band);
  pen.restore();
  paintPlayhead(pen, place, colours, playhead);
};

export const DRAWN = { grid, notes, over };
