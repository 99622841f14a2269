// What can be done with the selected notes, as buttons under the roll: so that all of it can be done without a keyboard. Knows
// nothing of how it is done.

import { freshId, h } from "../dom.js";
import { icon } from "../icons.js";
import { count } from "../words.js";
import { iconButton } from "./toolbar.js";
import { trackName } from "./tracks.js";

const OCTAVE = 12;

export const selectionBar = (roll) => {
  const said = h("p", { class: "selected small", role: "status", title: "Quantise and transpose act on the selected notes, or on all where none is selected" });
  const step = (label, name, semitones) =>
    h("button", { type: "button", class: "button quiet small", "aria-label": name, title: name, onclick: () => roll.transpose(semitones) }, label);
  const steps = [
    step("−8ve", "An octave lower", -OCTAVE), step("−1", "A semitone lower", -1), step("+1", "A semitone higher", 1),
    step("+8ve", "An octave higher", OCTAVE),
  ];
  const quantise = h("button", { type: "button", class: "button quiet small", title: "To the grid (Q)", onclick: () => roll.quantise() }, icon("grid"), "Quantise");
  const velocity = velocityDial(roll), track = trackChoice(roll);
  const edits = [
    iconButton("copy", "Copy", () => { roll.copy(); show(); }), iconButton("paste", "Paste at the playhead", () => roll.paste()),
    iconButton("twice", "Once more behind", () => roll.duplicate()), iconButton("trash", "Delete", () => roll.remove()),
  ];
  const show = () => {
    const notes = roll.chosen(), { length } = notes, some = length > 0, [copy, paste, ...others] = edits;
    said.textContent = some ? `${count(length, "note")} selected` : "All notes";
    for (const button of [copy, ...others]) button.disabled = !some;
    paste.disabled = !roll.canPaste;
    quantise.disabled = !roll.step;
    velocity.show(notes);
    track.show(notes);
  };
  for (const event of ["selection", "change", "settings"]) roll.addEventListener(event, show);
  show();
  return h("div", { class: "edit-selection", role: "group", "aria-label": "Selected notes" }, said,
    h("div", { class: "tools" }, quantise, steps), h("div", { class: "tools push" }, edits), h("div", { class: "tools" }, velocity.element, track.element));
};

const velocityDial = (roll) => {
  const id = freshId("velocity"), output = h("output", { for: id, class: "numbers small" });
  const input = h("input", { type: "range", id, min: "1", max: "127" });
  let sliding = false;
  input.addEventListener("input", () => {
    roll.setVelocity(Number(input.value), sliding);
    sliding = true;
  });
  input.addEventListener("change", () => { sliding = false; });
  const show = (notes) => {
    const loud = notes.length ? Math.round(notes.reduce((sum, { velocity }) => sum + velocity, 0) / notes.length) : 84;
    input.disabled = !notes.length;
    if (!sliding) input.value = loud;
    output.textContent = notes.length ? String(loud) : "–";
    input.style.setProperty("--done", `${(100 * (input.value - 1)) / 126}%`);
  };
  return { element: h("span", { class: "velocity" }, h("label", { for: id, class: "small" }, "Loudness"), input, output), show };
};

// Puts notes in another track, where there are several.
const trackChoice = (roll) => {
  const element = h("select", { class: "input small", "aria-label": "Track of the selected notes", onchange: () => roll.moveToTrack(Number(element.value)) });
  const show = (notes) => {
    const { tracks } = roll.state;
    element.hidden = tracks.length < 2;
    if (element.options.length !== tracks.length + 1)
      element.replaceChildren(h("option", { value: "", disabled: true }, "To track …"), ...tracks.map((track, at) => h("option", { value: at }, trackName(track, at))));
    const of = new Set(notes.map((note) => note.track));
    element.value = of.size === 1 ? String([...of][0]) : "";
    element.disabled = !notes.length;
  };
  return { element, show };
};
