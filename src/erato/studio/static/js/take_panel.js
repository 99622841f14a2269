// All of one take: how it sounds and looks, its name, star, tags and note, where it came from, what can be done with it, and its
// files. A take comes in, changes go to the server and back to the caller; knows nothing of trees and searches.

import { complaints, fill, freshId, h, put } from "./dom.js";
import { patch, say } from "./api.js";
import { fileLink } from "./download.js";
import { icon } from "./icons.js";
import { nameOf } from "./facts.js";
import { takeCard } from "./take_card.js";

const MUSIC = [["mid", "MIDI"], ["musicxml", "MusicXML"], ["wav", "WAV"], ["ogg", "OGG"], ["pdf", "PDF"], ["png", "Picture"], ["html", "Page"]];
const TEXT = [["txt", "Text"], ["html", "Page"]];

export const formatsOf = (kind) => (kind === "text" ? TEXT : MUSIC);

const address = (take) => `#/${take.kind === "text" ? "text" : "edit"}/${take.id}`;

// {element, stop()}. `changed(take)` after something was changed; `compare(take)` when somebody wants to compare it;
// `go(id)` when somebody follows where it came from.
export function takePanel(take, { parent, changed, compare, go, others }) {
  let now = take;
  const { element: said, complain } = complaints();

  async function change(fields) {
    complain(null);
    try {
      now = await patch(`/api/takes/${take.id}`, fields);
      card.update(now);
      star.show();
      changed(now);
      return true;
    } catch (error) {
      complain(say(error));
      return false;
    }
  }

  const title = titleOf(now, change), star = starOf(() => now, change);
  const card = takeCard(now, { title, heading: "h2" });
  card.classList.add("is-panel");
  card.querySelector(".take-head").append(star.element);
  const gone = () => now.status === "discarded";
  const throwAway = h("button", { type: "button", class: "button quiet small",
    onclick: async () => { if (await change({ status: gone() ? "kept" : "discarded" })) showFate(); } });
  const keep = h("button", { type: "button", class: "button small",
    onclick: async () => { if (await change({ status: "kept" })) showFate(); } }, icon("check"), "Keep");
  const showFate = () => {
    fill(throwAway, icon(gone() ? "undo" : "trash"), gone() ? "Bring it back" : "Throw away");
    keep.hidden = now.status !== "offered";
  };
  showFate();
  const words = take.kind === "text";
  const actions = h("div", { class: "row tight take-actions" }, keep,
    h("a", { class: "button small", href: address(now) }, icon("edit"), words ? "Write on" : "Edit"),
    !words && h("a", { class: "button quiet small", href: `#/compose?take=${take.id}` }, icon("next"), "Continue"),
    h("button", { type: "button", class: "button quiet small", disabled: !others, onclick: () => compare(now) }, "Compare with …"), throwAway);
  const broken = complaints(), files = h("div", { class: "stack tight" }, h("h3", { class: "over" }, "Files"),
    h("div", { class: "row tight" }, formatsOf(take.kind).map(([suffix, name]) => fileLink({ class: "chip accent file",
      href: `/api/takes/${take.id}/export/${suffix}` }, broken, icon("download"), name))), broken.element);
  card.querySelector(".roll, .excerpt").after(said, actions);
  put(card, tagsOf(now, change), noteOf(now, change), cameFrom(now, parent, go), files);
  return { element: card, stop: card.stop, toggle: card.toggle };
}

// A title that is changed where it stands: Enter keeps what was written, Escape what was there.
function titleOf(take, change) {
  const input = h("input", { class: "title take-title", "aria-label": "Title", value: take.title, placeholder: `Take ${take.number}`,
    maxlength: "200" });
  let kept = take.title;
  const save = async () => {
    const title = input.value.trim();
    if (title !== kept && (await change({ title }))) kept = title;
  };
  input.addEventListener("change", save);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") input.blur();
    else if (event.key === "Escape") { input.value = kept; input.blur(); }
    event.stopPropagation();
  });
  return input;
}

function starOf(take, change) {
  const element = h("button", { type: "button", class: "button bare round small star", onclick: () => change({ starred: !take().starred }) });
  const show = () => {
    fill(element, icon(take().starred ? "starred" : "star"));
    element.setAttribute("aria-pressed", String(take().starred));
    element.setAttribute("aria-label", `Star ${nameOf(take())}`);
  };
  show();
  return { element, show };
}

function tagsOf(take, change) {
  const list = h("span", { class: "row tight tags" }), id = freshId("tag");
  const input = h("input", { class: "input tag-input", id, placeholder: "a word, then Enter", maxlength: "50" });
  let tags = take.tags;
  const set = async (next) => {
    if (!(await change({ tags: next }))) return;
    tags = next;
    show();
  };
  const show = () => fill(list, tags.map((tag) => h("button", { type: "button", class: "chip", "aria-label": `Remove the tag ${tag}`,
    onclick: () => set(tags.filter((one) => one !== tag)) }, tag, icon("cancel"))));
  const add = () => {
    const tag = input.value.trim();
    input.value = "";
    if (tag && !tags.includes(tag)) set([...tags, tag]);
  };
  input.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === ",") { event.preventDefault(); add(); } });
  input.addEventListener("change", add);
  show();
  return h("div", { class: "stack tight" }, h("label", { class: "over", for: id }, "Tags"), h("div", { class: "row tight" }, list, input));
}

function noteOf(take, change) {
  const id = freshId("note"), area = h("textarea", { class: "input", id, rows: "2", maxlength: "10000",
    placeholder: "What you want to remember of it" });
  area.value = take.note;
  area.addEventListener("change", () => change({ note: area.value }));
  return h("div", { class: "stack tight" }, h("label", { class: "over", for: id }, "Note"), area);
}

function cameFrom(take, parent, go) {
  if (!parent) return null;
  return h("p", { class: "small" }, "Came from ", h("button", { type: "button", class: "link", onclick: () => go(parent.id) }, nameOf(parent)), ".");
}
