// A text that somebody writes, with words behind the cursor that are only offered: taken whole, a word at a time, or refused.
// Keys and words in, the text out; asks the server nothing and knows no models.
//
// The text is a <textarea>; under it lies the same text again, set alike, where what is offered stands between what is before the
// cursor and what is after it. While something is offered the letters of the <textarea> are clear, and only its cursor is seen.

import { h } from "./dom.js";

// {element, area, text(), before(): what stands before the cursor, set(text), offer(words), take(), takeWord(), refuse(), offered()}.
// `changed()` after the text changed; `taken(all)` after all of what was offered was taken, or a word of it; `refused()` after it
// was refused, by a key or by writing on.
export function ghostEditor({ changed, taken, refused }) {
  const area = h("textarea", { class: "pen", "aria-label": "Text", spellcheck: "true", autocomplete: "off", placeholder: "Begin to write …" });
  const before = h("span", {}), ghost = h("span", { class: "ghost" }), after = h("span", {});
  const under = h("div", { class: "under", "aria-hidden": "true" }, before, ghost, after);
  const element = h("div", { class: "leaf" }, under, area);
  let words = null; // what is offered; null: nothing is

  function show() {
    const place = words === null ? area.value.length : area.selectionEnd;
    before.textContent = area.value.slice(0, place);
    ghost.textContent = words ?? "";
    after.textContent = `${area.value.slice(place)}\n`; // a last line that is empty has a height, too
    element.classList.toggle("is-offering", words !== null);
  }

  function end() {
    words = null;
    show();
  }

  // As if it had been typed: undo of the browser takes it back.
  function write(more) {
    area.focus();
    area.setSelectionRange(area.selectionEnd, area.selectionEnd);
    const place = area.selectionEnd, typed = document.execCommand("insertText", false, more);
    if (!typed) area.setRangeText(more, place, place, "end");
  }

  function take() {
    if (!words) return;
    const all = words;
    words = null;
    write(all);
    end();
    changed();
    taken(true);
  }

  function takeWord() {
    const [word] = /^\s*\S+\s*?(?=\s|$)|^\s+/.exec(words ?? "") ?? [];
    if (!word) return;
    const rest = words.slice(word.length);
    words = null;
    write(word);
    words = rest || null;
    show();
    changed();
    taken(!rest);
  }

  function refuse() {
    if (words === null) return;
    end();
    refused();
  }

  area.addEventListener("keydown", (event) => {
    const { key } = event;
    if (words === null) return;
    if (key === "Tab" && !event.shiftKey && words) take();
    else if (key === "ArrowRight" && (event.ctrlKey || event.metaKey) && words) takeWord();
    else if (key === "Escape") refuse();
    else return void (moves(event) && refuse());
    event.preventDefault();
  });
  area.addEventListener("pointerdown", refuse);
  area.addEventListener("input", () => {
    if (words !== null) refuse();
    show();
    changed();
  });
  show();
  return {
    element, area, take, takeWord, refuse,
    text: () => area.value,
    before: () => area.value.slice(0, area.selectionEnd),
    set: (text) => { area.value = text; area.setSelectionRange(text.length, text.length); end(); },
    offer: (more) => { words = more; show(); },
    offered: () => words,
  };
}

// Keys that move the cursor away from where something is offered.
const moves = ({ key }) => key.startsWith("Arrow") || ["Home", "End", "PageUp", "PageDown"].includes(key);
