// The tracks of a piece over its roll: the one that is drawn in, which are shown, and another one. Knows nothing of notes and of
// the server.

import { openDialog } from "../dialog.js";
import { fill, freshId, h } from "../dom.js";
import { icon } from "../icons.js";
import { INSTRUMENTS } from "./instruments.js";

// [the list of the tracks, the button that adds one]
export const tracksOf = (roll) => [trackList(roll), adding(roll)];

const trackList = (roll) => {
  const list = h("ul", { class: "plain tracks", "aria-label": "Tracks" });
  const show = () => fill(list, roll.state.tracks.map((track, at) => trackItem(roll, track, at)));
  roll.addEventListener("settings", show);
  roll.addEventListener("change", () => { if (list.children.length !== roll.state.tracks.length) show(); });
  show();
  return list;
};

export const trackName = ({ name, drums }, at) => name || (drums ? "Drums" : `Track ${at + 1}`);

// The list is made anew at every change: the focus goes to what stands there then.
const focusOn = (at, selector) => document.querySelector(`.tracks [data-track="${at}"] ${selector}`)?.focus();

const trackItem = (roll, track, at) => {
  const name = trackName(track, at), hidden = roll.hidden.has(at);
  const again = (selector, change) => {
    change();
    focusOn(at, selector);
  };
  const choose = h("button", { type: "button", class: "track-name", "aria-pressed": String(roll.track === at), title: `Draw in ${name}`,
    onclick: () => again(".track-name", () => roll.set({ track: at })) }, h("span", { class: "track-dot", style: { "--colour": `var(--track-${at % 8})` } }), name);
  const eye = h("button", { type: "button", class: "track-eye", "aria-pressed": String(!hidden), "aria-label": `Show ${name}`, title: hidden ? `Show ${name}` : `Hide ${name}`,
    onclick: () => again(".track-eye", () => roll.hide(at, !hidden)) }, icon(hidden ? "unseen" : "eye"));
  return h("li", { class: `track ${hidden ? "is-hidden" : ""}`, dataset: { track: at } }, choose, roll.state.tracks.length > 1 && eye);
};

const adding = (roll) => h("button", { type: "button", class: "button bare small", onclick: () => ask(roll) }, icon("plus"), "Add a track");

// Asks for the instrument; what is drawn next is drawn in the new track.
const ask = (roll) => {
  const id = freshId("instrument"), all = INSTRUMENTS.flatMap(([, tracks]) => tracks);
  const choice = h("select", { class: "input", id, autofocus: true }, INSTRUMENTS.map(([family, tracks]) =>
    h("optgroup", { label: family }, tracks.map((track) => h("option", { value: all.indexOf(track) }, track.name)))));
  const add = (event) => {
    event.preventDefault();
    dialog.close();
    const { state } = roll, track = all[choice.value];
    roll.addTrack({ ...track, name: another(track.name, state.tracks.map(({ name }) => name)) });
    roll.set({ tool: "draw" });
    focusOn(state.tracks.length, ".track-name");
  };
  const form = h("form", { class: "stack", onsubmit: add }, h("div", { class: "field" }, h("label", { for: id }, "Instrument"), choice),
    h("div", { class: "row" }, h("button", { type: "submit", class: "button" }, icon("plus"), "Add")));
  const dialog = openDialog("Add a track", form);
};

// "Violin", or "Violin 2" where there is one.
const another = (name, taken) => {
  let found = name;
  for (let number = 2; taken.includes(found); number++) found = `${name} ${number}`;
  return found;
};
