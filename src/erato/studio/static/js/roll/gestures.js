// What fingers, pens and the mouse do in a piano roll: draw, move, make longer, select with a band, loop and seek in the ruler,
// sound keys, pan and zoom. In: pointer and wheel events; out: steps of the roll. Knows nothing of how it is drawn.
//
// One finger on empty paper pans (or draws, with that tool); two fingers pan and zoom; a long press selects.

import { chosen, reach } from "./notes.js";
import { cellOf, snapped } from "./time.js";

const EDGE = { mouse: 7, touch: 16 }; // pixels of a note's end that resize it
const STILL = { mouse: 3, touch: 9 }; // pixels that a press may tremble
const LONG = 450; // milliseconds of a long press
const WHEEL = 0.0022; // of zoom, a pixel

export const listenToPointers = (roll, player) => {
  const { view } = roll, { window: surface, element } = view;
  const fingers = new Map(); // pointers that are down, by id: where they are
  let going = null; // the gesture: {move(event), end(event), cancel()}
  let pinch = null;

  const tremor = ({ pointerType }) => STILL[pointerType === "touch" ? "touch" : "mouse"];
  const edge = ({ pointerType }) => EDGE[pointerType === "touch" ? "touch" : "mouse"];
  const stepOf = (event) => (event.altKey ? 0 : roll.step);

  // ---- gestures, each from its first event on

  const draggingNotes = (event, place, { note, edge: side }) => {
    const { state } = roll, more = event.shiftKey || event.ctrlKey || event.metaKey;
    const before = roll.selection.has(note.id);
    if (!before) roll.select(new Set(more ? [...roll.selection, note.id] : [note.id]));
    roll.touch(note);
    const ids = roll.selection, notes = chosen(state, ids), least = roll.least;
    let drag = null, semitonesBefore = 0;
    const show = (next) => {
      drag = next;
      view.show({ drag });
    };
    const moved = (at, step) => {
      const ticks = snapped(state, note.onset + at.tick - place.tick, step) - note.onset;
      const far = reach(notes, Math.abs(at.x - place.x) < 4 ? 0 : ticks, at.pitch - place.pitch);
      if (far.semitones !== semitonesBefore) roll.touch({ ...note, pitch: note.pitch + far.semitones });
      semitonesBefore = far.semitones;
      return { ids, notes, ticks: far.ticks, semitones: far.semitones };
    };
    const stretched = (at, step) => {
      const line = side === "end" ? note.onset + note.duration : note.onset;
      return { ids, notes, ticks: snapped(state, line + at.tick - place.tick, step) - line, edge: side, least };
    };
    return {
      move: (next) => show(side ? stretched(view.under(next), stepOf(next)) : moved(view.under(next), stepOf(next))),
      end: (_, still) => {
        view.show({ drag: null });
        if (still && before && more) roll.toggle(note.id);
        else if (still && before && ids.size > 1) roll.select(new Set([note.id]));
        if (drag && side) roll.resize(drag.ticks, side);
        else if (drag) roll.move(drag.ticks, drag.semitones);
        roll.remember(roll.state.notes.find(({ id }) => id === note.id) || note);
      },
      cancel: () => view.show({ drag: null }),
    };
  };

  const drawing = (event, place) => {
    const note = roll.blank(cellOf(roll.state, place.tick, stepOf(event)), place.pitch);
    view.show({ fresh: [note] });
    roll.touch(note);
    return {
      move: (next) => {
        const { tick } = view.under(next), step = stepOf(next), end = step ? cellOf(roll.state, tick, step) + step : tick;
        note.duration = Math.max(roll.least, Math.round(end - note.onset));
        view.show({ fresh: [{ ...note }] });
      },
      end: () => {
        view.show({ fresh: [] });
        roll.add([note]);
        roll.remember(note);
      },
      cancel: () => view.show({ fresh: [] }),
    };
  };

  const banding = (event, place) => {
    const before = event.shiftKey || event.ctrlKey || event.metaKey ? roll.selection : new Set();
    return {
      move: (next) => {
        const at = view.under(next);
        const band = {
          from: Math.min(at.tick, place.tick), to: Math.max(at.tick, place.tick),
          low: Math.min(at.pitch, place.pitch), high: Math.max(at.pitch, place.pitch),
        };
        view.show({ band, selection: new Set([...before, ...view.notesIn(band).map(({ id }) => id)]) });
      },
      end: (_, still) => {
        const { selection } = view.scene;
        view.show({ band: null });
        roll.select(still ? before : selection);
      },
      cancel: () => view.show({ band: null, selection: roll.selection }),
    };
  };

  const panning = (event) => {
    let last = event;
    return {
      move: (next) => {
        view.pan(last.clientX - next.clientX, last.clientY - next.clientY);
        last = next;
      },
      end: (_, still) => still && event.button === 0 && roll.select(new Set()),
      cancel: () => {},
    };
  };

  const ruling = (event, place) => {
    const start = snapped(roll.state, place.tick, roll.step);
    return {
      move: (next) => {
        const to = snapped(roll.state, view.under(next).tick, stepOf(next));
        roll.setLoop(to === start ? null : [Math.min(start, to), Math.max(start, to)]);
      },
      end: (next, still) => still && player.seekTo(Math.max(0, place.tick)),
      cancel: () => {},
    };
  };

  const pressingKeys = (event, place) => {
    const press = ({ pitch }) => {
      if (view.scene.pressed === pitch) return;
      view.show({ pressed: pitch });
      roll.touch({ ...roll.blank(0, pitch) });
    };
    press(place);
    const free = () => view.show({ pressed: null });
    return { move: (next) => press(view.under(next)), end: free, cancel: free };
  };

  // ---- which gesture it is

  const begun = (event) => {
    const place = view.under(event), touch = event.pointerType === "touch";
    if (event.button === 1) return panning(event);
    if (place.area === "keys") return pressingKeys(event, place);
    if (place.area === "ruler") return ruling(event, place);
    if (place.area === "corner") return null;
    const hit = view.noteAt(place, edge(event));
    if (hit) return draggingNotes(event, place, hit);
    if (roll.tool === "draw") return drawing(event, place);
    return touch ? panning(event) : banding(event, place);
  };

  const held = (event, gesture) => {
    const place = view.under(event);
    if (place.area !== "notes" || going !== gesture || gesture.off) return;
    const hit = view.noteAt(place, 0);
    gesture.cancel();
    navigator.vibrate?.(10);
    if (hit) {
      if (!gesture.before.has(hit.note.id)) roll.select(new Set([...gesture.before, hit.note.id]));
      else roll.select(new Set([...gesture.before].filter((id) => id !== hit.note.id)));
      going = null;
    } else going = Object.assign(banding(event, place), { start: event, off: true });
  };

  const down = (event) => {
    if (event.button > 1) return;
    element.focus({ preventScroll: true });
    fingers.set(event.pointerId, event);
    surface.setPointerCapture(event.pointerId);
    if (fingers.size === 2) return pinching();
    if (fingers.size > 2) return;
    event.preventDefault();
    const before = roll.selection;
    going = begun(event);
    if (!going) return;
    Object.assign(going, { start: event, off: false, before });
    const gesture = going;
    if (event.pointerType === "touch") gesture.timer = setTimeout(() => held(event, gesture), LONG);
  };

  const move = (event) => {
    if (!fingers.has(event.pointerId)) return point(event);
    fingers.set(event.pointerId, event);
    if (pinch) return pinched();
    if (!going) return;
    const { start } = going, far = Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY);
    going.off ||= far > tremor(event);
    if (!going.off) return;
    clearTimeout(going.timer);
    going.move(event);
  };

  const up = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    if (pinch) {
      if (!fingers.size) pinch = null;
      return;
    }
    if (!going) return;
    clearTimeout(going.timer);
    const ended = going;
    going = null;
    if (event.type === "pointercancel") ended.cancel();
    else ended.end(event, !ended.off);
  };

  // ---- two fingers

  const spread = () => {
    const [a, b] = [...fingers.values()];
    return { x: (a.clientX + b.clientX) / 2, y: (a.clientY + b.clientY) / 2, wide: Math.abs(a.clientX - b.clientX) };
  };

  const pinching = () => {
    clearTimeout(going?.timer);
    going?.cancel();
    going = null;
    pinch = spread();
  };

  const pinched = () => {
    const now = spread(), { left } = surface.getBoundingClientRect();
    view.pan(pinch.x - now.x, pinch.y - now.y);
    if (pinch.wide > 40 && now.wide > 40) view.zoom(now.wide / pinch.wide, now.x - left);
    pinch = now;
  };

  // ---- mouse alone

  const point = (event) => {
    if (event.pointerType === "touch") return;
    const place = view.under(event), hit = place.area === "notes" && view.noteAt(place, edge(event));
    const over = hit ? (hit.edge ? "edge" : "note") : place.area;
    if (surface.dataset.over !== over) surface.dataset.over = over;
  };

  const wheel = (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) return; // the box scrolls by itself
    event.preventDefault();
    const box = surface.getBoundingClientRect(), factor = Math.exp(-event.deltaY * WHEEL * (event.deltaMode ? 16 : 1));
    if (event.altKey) view.zoomRows(factor, event.clientY - box.top);
    else view.zoom(factor, event.clientX - box.left);
  };

  // Twice on empty paper is a note, whatever the tool.
  const twice = (event) => {
    const place = view.under(event);
    if (place.area !== "notes" || roll.tool === "draw" || view.noteAt(place, 0)) return;
    const note = roll.blank(cellOf(roll.state, place.tick, stepOf(event)), place.pitch);
    roll.add([note]);
    roll.touch(note);
  };

  surface.addEventListener("pointerdown", down);
  surface.addEventListener("pointermove", move);
  surface.addEventListener("pointerup", up);
  surface.addEventListener("pointercancel", up);
  surface.addEventListener("dblclick", twice);
  surface.addEventListener("contextmenu", (event) => event.pointerType === "touch" && event.preventDefault());
  element.addEventListener("wheel", wheel, { passive: false });

  // Gives up what is under way; whether there was anything.
  return () => {
    const there = going !== null;
    clearTimeout(going?.timer);
    going?.cancel();
    going = null;
    return there;
  };
};
