// What the keyboard does in a piano roll. In: key events; out: steps of the roll, and sentences for screen readers. Knows nothing
// of pointers and of how the roll is drawn.

import { announce } from "../dom.js";
import { noteInWords, selectionInWords } from "./spoken.js";

const OCTAVE = 12, LOUDER = 8;
const SCROLL = 0.25; // of the window that an arrow scrolls by where nothing is selected

// What the keys are, for the page to show.
export const KEYS = [
  ["Space", "play, pause"], ["Tab", "next note"], ["Arrows", "move by grid and semitone"], ["Shift + arrows", "by beat and octave"],
  ["Alt + arrows", "longer, shorter, louder, softer"], ["Enter", "new note behind"], ["Delete", "delete"], ["Ctrl Z, Shift Z", "undo, redo"],
  ["Ctrl C, X, V", "copy, cut, paste"], ["Ctrl D", "once more behind"], ["Ctrl A", "select all"], ["Ctrl S", "save now"], ["Q", "to the grid"],
  ["S, D", "select, draw"], ["L", "loop the selection"], ["+, −", "zoom"], ["Escape", "let go; then Tab leaves the roll"],
];

const inField = (target) => target.closest?.("input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable], dialog");

// `scope` is what the keys of playing and undoing work in (the view), `giveUp()` ends a gesture that is under way, `save()` saves.
export const listenToKeys = (roll, player, scope, giveUp, save) => {
  const { element } = roll.view;
  let walking = true; // Tab goes from note to note; after Escape it leaves

  const say = () => announce(selectionInWords(roll.state, roll.chosen()));

  const walk = (by) => {
    const found = walking && roll.walk(by);
    if (!found) return false;
    announce(noteInWords(roll.state, found.note, found.place, found.of));
    return true;
  };

  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

  const arrow = (event) => {
    const [right, up] = arrows[event.key], merged = event.repeat;
    if (!roll.selection.size) {
      roll.view.pan(right * SCROLL * element.clientWidth, -up * SCROLL * element.clientHeight);
      return;
    }
    if (event.altKey && right) roll.resize(right * roll.nudge);
    else if (event.altKey) roll.louder(up * LOUDER, merged);
    else if (event.shiftKey) roll.move(right * roll.state.ticksPerQuarter, up * OCTAVE, merged);
    else roll.move(right * roll.nudge, up, merged);
    say();
  };

  const escape = () => {
    if (giveUp()) return;
    if (roll.selection.size) roll.select(new Set());
    else if (roll.loop) player.loopOver(null);
    walking = false;
    announce("Nothing is selected. Tab leaves the roll.");
  };

  // Keys of the roll alone, by name; each gives false where it did nothing.
  const own = {
    Tab: (event) => walk(event.shiftKey ? -1 : 1), Escape: escape, Enter: () => { roll.addBehind(); say(); },
    Delete: () => { roll.remove(); say(); }, Backspace: () => { roll.remove(); say(); },
    Home: () => { player.seekTo(0); roll.view.follow(0); }, q: () => roll.quantise(), s: () => roll.set({ tool: "select" }), d: () => roll.set({ tool: "draw" }),
    l: () => player.loopOver(roll.loop ? null : roll.stretch()), "+": () => roll.view.zoom(1.25), "=": () => roll.view.zoom(1.25), "-": () => roll.view.zoom(0.8),
  };

  // Keys with Ctrl or Cmd, in the whole view.
  const commands = {
    z: (event) => (event.shiftKey ? roll.redo() : roll.undo()), y: () => roll.redo(), c: () => roll.copy(), x: () => roll.cut(),
    v: () => roll.paste(), a: () => roll.selectAll(), d: () => roll.duplicate(), s: save,
  };

  const press = (event) => {
    const { key, target } = event, name = key.length === 1 ? key.toLowerCase() : key;
    if (event.defaultPrevented || inField(target)) return;
    const within = element.contains(target), free = target === document.body || scope === target || target.closest("h1");
    const command = (event.ctrlKey || event.metaKey) && !event.altKey;
    let done;
    if (command) {
      if (!commands[name] || (name === "c" && !within && String(getSelection()))) return;
      done = commands[name](event);
      if (within) say();
    } else if (name === " " && (within || free || !target.closest("button, a, summary, label, input"))) done = player.toggle();
    else if (within && arrows[name]) done = arrow(event);
    else if (within && !event.altKey && own[name]) done = own[name](event);
    else return;
    if (name !== "Escape") walking = done !== false || walking;
    if (done === false) return;
    event.preventDefault();
  };

  const enter = () => { walking = true; };

  document.addEventListener("keydown", press);
  element.addEventListener("focus", enter);
  return () => document.removeEventListener("keydown", press);
};
