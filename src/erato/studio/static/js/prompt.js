// What a new piece begins with: nothing, a file that is dropped, a take up to a bar, or first words. A person's choice comes in,
// the `prompt` of `POST /api/compose` goes out. Knows nothing of models but what kind of piece they write.

import { fill, freshId, h, trouble } from "./dom.js";
import { get, say, upload, withQuery } from "./api.js";
import { icon } from "./icons.js";
import { lengthSaid, nameOf } from "./facts.js";
import { fromJson } from "./roll/notes.js";
import { pickup } from "./roll/time.js";
import { drawRoll, endOf } from "./thumb.js";

const FILES = ".mid,.midi,.musicxml,.mxl,.xml";
const SHOWN = 40; // takes to choose from

// {element, value(): prompt or undefined, take(): the take or null, use(take, bars to keep or null), complain(sentence)}.
export function musicPrompt(changed = () => {}) {
  const said = h("div", {}), place = h("div", {}), element =
    h("section", { class: "prompt stack", "aria-labelledby": "prompt-title" }, h("h2", { class: "over", id: "prompt-title" }, "Begin with"), place, said);
  let take = null, toBar = null;
  const complain = (sentence) => fill(said, sentence && trouble(sentence));

  async function use(next, bars = null) {
    take = next;
    toBar = bars;
    complain(null);
    if (take) await showChosen();
    else showChoices();
    changed();
  }

  async function bringIn(file) {
    complain(null);
    fill(place, h("p", { class: "soft", role: "status" }, `Reading ${file.name} …`));
    try {
      const made = await upload(withQuery("/api/takes/import", { name: file.name }), file, null, "POST");
      await use(made);
      const lost = Object.entries(made.lost ?? {}).map(([reason, number]) => `${reason} (${number})`);
      if (lost.length) fill(said, h("p", { class: "help" }, `Not taken up: ${lost.join(", ")}.`));
    } catch (error) {
      showChoices();
      complain(say(error));
    }
  }

  function showChoices() {
    const input = h("input", { type: "file", accept: FILES, class: "unseen", tabindex: "-1", id: freshId("file"),
      "aria-label": "A MIDI or MusicXML file to begin with" });
    input.addEventListener("change", () => { if (input.files[0]) bringIn(input.files[0]); });
    const zone = h("div", { class: "drop" }, input,
      h("p", {}, h("strong", {}, "Nothing: from the first note on."), " Or drop a MIDI or MusicXML file here."),
      h("div", { class: "row tight" },
        h("button", { type: "button", class: "button quiet small", onclick: () => input.click() }, icon("upload"), "Choose a file"),
        h("a", { class: "button quiet small", href: "#/edit/new" }, icon("piano"), "Draw or play")), choiceOfTakes());
    zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("is-over"); });
    zone.addEventListener("dragleave", () => zone.classList.remove("is-over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("is-over");
      if (event.dataTransfer.files[0]) bringIn(event.dataTransfer.files[0]);
    });
    fill(place, zone);
  }

  function choiceOfTakes() {
    const list = h("select", { class: "input", "aria-label": "A take to go on from", hidden: true },
      h("option", { value: "" }, "or go on from a take …"));
    const named = (one) => `${nameOf(one)}${lengthSaid(one) ? ` (${lengthSaid(one)})` : ""}`;
    let known = [];
    get("/api/takes?kind=music&status=kept").then(({ takes }) => {
      known = takes.slice(0, SHOWN);
      list.append(...known.map((one) => h("option", { value: one.id }, named(one))));
      list.hidden = !known.length;
    }, (error) => complain(say(error)));
    list.addEventListener("change", () => use(known.find((one) => one.id === list.value) ?? null));
    return list;
  }

  async function showChosen() {
    const chosen = take, canvas = h("canvas", { class: "prompt-roll", "aria-hidden": "true" });
    const words = h("p", { class: "small" }, h("strong", {}, nameOf(take))), kept = h("div", {});
    fill(place, h("div", { class: "prompt-chosen stack tight" }, h("div", { class: "row tight" }, h("div", { class: "grow" }, words),
      h("button", { type: "button", class: "button bare small round", "aria-label": `Do not begin with ${nameOf(take)}`,
        onclick: () => use(null) }, icon("cancel"))),
    canvas, kept));
    try {
      const { score } = await get(`/api/takes/${take.id}/piece`);
      if (take === chosen) showBars(score, canvas, kept);
    } catch (error) {
      complain(say(error));
    }
  }

  // Bars 1 to the last one that is kept (a pickup before them, too); what comes after is left out of the picture.
  function showBars(score, canvas, kept) {
    const before = pickup(fromJson(score)), all = Math.max(1, (score.bars?.length ?? 1) - 1 - before), id = freshId("bars");
    toBar = toBar === null ? null : Math.min(Math.max(1, toBar), all);
    const number = h("input", { type: "number", class: "input inline", id, min: "1", max: all, value: toBar ?? all, inputmode: "numeric",
      required: true });
    const next = h("span", {});
    const show = () => {
      const last = Math.min(Math.max(1, Number(number.value) || all), all);
      toBar = last < all ? last : null;
      next.textContent = last < all ? `The new piece goes on from bar ${last + 1}.` : "The new piece goes on after its end.";
      drawRoll(canvas, score, { from: 0, to: score.bars?.[last + before] ?? endOf(score) });
      changed();
    };
    number.addEventListener("input", show);
    fill(kept, h("div", { class: "row tight small" }, h("label", { for: id }, "Keep bars 1 to"), number, h("span", {}, `of ${all}.`)),
      h("p", { class: "help" }, next));
    show();
  }

  showChoices();
  const value = () => (take ? { take: take.id, ...(toBar === null ? {} : { to_bar: toBar }) } : undefined);
  return { element, value, take: () => take, use, complain };
}

// First words, for models that write text.
export function textPrompt(text = "") {
  const said = h("div", {}), id = freshId("words");
  const words = h("textarea", { class: "input", id, rows: "4", "aria-describedby": `${id}-help` });
  words.value = text;
  const element = h("section", { class: "prompt field" }, h("label", { for: id, class: "over" }, "Begin with"), words,
    h("p", { class: "help", id: `${id}-help` }, "First words, or nothing: the model begins by itself."), said);
  const complain = (sentence) => fill(said, sentence && trouble(sentence));
  let take = null;

  // Goes on from a take: its words stand there, and may be changed.
  async function use(next) {
    try {
      words.value = (await get(`/api/takes/${next.id}/piece`)).text;
      take = next;
    } catch (error) {
      complain(say(error));
    }
  }

  return { element, value: () => (words.value ? { text: words.value } : undefined), take: () => take, use, complain };
}
