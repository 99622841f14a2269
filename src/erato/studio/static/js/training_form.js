// The settings of a training: a recipe, the minutes, a name, and what few need. Asks for the training; knows nothing of
// how it goes.

import { fill, freshId, h, trouble } from "./dom.js";
import { icon } from "./icons.js";
import { post, say } from "./api.js";
import { heard } from "./events.js";
import { corpusTitle } from "./corpora.js";
import { recipeCards } from "./recipes.js";

const MINUTES = [1, 5, 10, 30, 60];
const RECIPES =
  "A recipe is one way to learn. Try several: models that learnt from the same music can stand side by side.";
const LONGER = "Longer is better up to a point; the curve shows when it stops getting better.";
const NUMBERS = "Any number that a recipe has, as “erato train --set” takes them; several with spaces between.";
const EARLY = "It can be paused, and stopped early: what it learnt until then is kept.";

// A label, its input and a line of help.
function field(label, input, help = null) {
  input.id = freshId("field");
  return h(
    "div",
    { class: "field" },
    h("label", { for: input.id }, label),
    input,
    help && h("p", { class: "help" }, help),
  );
}

const number = (attributes) =>
  h("input", { type: "number", class: "input short", inputmode: "decimal", ...attributes });
const words = (attributes) => h("input", { class: "input", autocomplete: "off", spellcheck: "false", ...attributes });

export class TrainingForm {
  constructor(corpus, recipes, kind) {
    this.corpus = corpus;
    this.minutes = number({ min: "0.05", max: "100000", step: "any", required: true });
    this.named = words({ maxlength: "100", placeholder: corpusTitle(corpus) });
    this.seed = number({ min: "0", step: "1", placeholder: "as the recipe" });
    this.numbers = words({ placeholder: "model.width=64 training.batch=4" });
    this.trouble = h("div");
    this.button = h("button", { class: "button large", type: "submit" }, icon("train"), "Start training");
    const time = this.time();
    this.cards = recipeCards(recipes, kind, (recipe) => this.suggest(recipe));
    this.element = h("form", { class: "stack wide", onsubmit: (event) => this.submit(event) });
    fill(this.element, this.recipes(), this.settings(time), this.foot());
  }

  recipes() {
    const title = h("h2", { id: "recipe-title" }, "How it learns");
    return h(
      "section",
      { class: "stack", "aria-labelledby": "recipe-title" },
      title,
      h("p", { class: "soft" }, RECIPES),
      this.cards.element,
    );
  }

  settings(time) {
    const main = h("div", { class: "time-and-name" }, time, field("Name of the model", this.named));
    const more = h(
      "div",
      { class: "stack" },
      field("Seed", this.seed, "Another seed, another model from the same music."),
      field("Numbers of the recipe", this.numbers, NUMBERS),
    );
    return h(
      "section",
      { class: "card stack", "aria-labelledby": "time-title" },
      h("h2", { id: "time-title" }, "How long"),
      main,
      h("details", {}, h("summary", {}, "More settings"), more),
    );
  }

  foot() {
    const row = h("div", { class: "row" }, this.button, h("p", { class: "help grow" }, EARLY));
    return h("div", { class: "stack start-training" }, this.trouble, row);
  }

  time() {
    const choose = (minutes) => {
      this.touched = true;
      this.minutes.value = minutes;
      this.press();
    };
    this.presets = MINUTES.map((minutes) => h("button", { type: "button", onclick: () => choose(minutes) }, minutes));
    this.minutes.addEventListener("input", () => {
      this.touched = true;
      this.press();
    });
    const made = field("Minutes", this.minutes, LONGER);
    const row = h("div", { class: "row" });
    this.minutes.replaceWith(row);
    row.append(
      this.minutes,
      h("div", { class: "segments", role: "group", "aria-label": "Minutes, ready-made" }, this.presets),
    );
    return made;
  }

  press() {
    for (const [index, button] of this.presets.entries())
      button.setAttribute("aria-pressed", String(Number(this.minutes.value) === MINUTES[index]));
  }

  // The minutes that a recipe wants, as long as nobody said others.
  suggest(recipe) {
    if (!this.touched) this.minutes.value = recipe.minutes ?? 10;
    this.press();
  }

  asked() {
    const asked = { corpus: this.corpus.id, recipe: this.cards.chosen.name, minutes: Number(this.minutes.value) };
    const name = this.named.value.trim(),
      settings = this.numbers.value.split(/\s+/).filter(Boolean);
    if (name) asked.name = name;
    if (this.seed.value !== "") asked.seed = Number(this.seed.value);
    if (settings.length) asked.settings = settings;
    return asked;
  }

  async submit(event) {
    event.preventDefault();
    fill(this.trouble);
    this.button.disabled = true;
    try {
      const job = await post("/api/train", this.asked());
      heard(job);
      location.hash = `#/model/${encodeURIComponent(job.id)}`;
    } catch (error) {
      fill(this.trouble, trouble(say(error)));
      this.button.disabled = false;
    }
  }
}
