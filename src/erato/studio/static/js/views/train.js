// The way to a new model: choose what it learns from, look at what can be read of it, pick a recipe, start. The first step is
// views without a corpus in their address; the others are on one page. Knows nothing of the training itself: that is model.js.

import { announce, fill, freshId, h, put, trouble } from "../dom.js";
import { icon } from "../icons.js";
import { get, post, say } from "../api.js";
import { heard, jobEnd } from "../events.js";
import { askJob, bar } from "../jobs.js";
import { checkReport } from "../report.js";
import { recipeCards } from "../recipes.js";
import { chooseCorpus } from "../choose_corpus.js";
import { corpusTitle, measured } from "../corpora.js";
import { count, sentence } from "../words.js";

const MINUTES = [1, 5, 10, 30, 60];

export async function show(root, { parts: [corpus] }) {
  if (!corpus) return chooseCorpus(root);
  return settings(root, corpus);
}

async function settings(root, id) {
  put(root, h("a", { class: "back", href: "#/train" }, icon("back"), "Choose something else"));
  const [{ corpora }, studio] = await Promise.all([get("/api/corpora"), get("/api/studio")]);
  const corpus = corpora.find((one) => one.id === id);
  if (!corpus) {
    put(root, h("h1", {}, "This music is no longer here"), trouble("It was removed, or belongs to another project.", h("p", {}, h("a", { class: "button quiet", href: "#/train" }, "Choose something else"))));
    return null;
  }
  const form = new Form(corpus, studio.recipes);
  put(root, h("header", { class: "opening" }, h("h1", {}, corpusTitle(corpus)), h("p", { class: "lead" }, sentence(corpus.origin === "builtin" ? corpus.summary : measured(corpus)))), form.element);
  form.begin();
  return () => form.end();
}

class Form {
  constructor(corpus, recipes) {
    this.corpus = corpus;
    this.recipes = recipes;
    this.kind = corpus.kind;
    this.report = h("section", { class: "card stack", "aria-labelledby": "report-title" });
    this.rest = h("form", { class: "stack wide", hidden: true, onsubmit: (event) => { event.preventDefault(); this.start(); } });
    this.element = h("div", { class: "stack wide" }, this.report, this.rest);
  }

  begin() {
    if (this.corpus.origin === "builtin") this.shown();
    this.check(false);
  }

  end() { this.over = true; }

  heading(...more) { return h("div", { class: "row" }, h("h2", { id: "report-title" }, "What can be read"), ...more); }

  // The check of before, where there is one; a new one where it is asked for, or where the corpus is the person's own.
  async check(anew) {
    try {
      const { jobs } = anew ? { jobs: [] } : await get("/api/jobs?kind=check");
      let job = jobs.find((one) => one.request?.corpus === this.corpus.id && !["failed", "cancelled"].includes(one.state));
      if (!job && !anew && this.corpus.origin === "builtin") return this.offerCheck();
      job ??= await post("/api/check", { corpus: this.corpus.id });
      heard(job);
      await this.follow(job);
    } catch (error) {
      fill(this.report, this.heading(), trouble(say(error), this.againButton("Try again")));
    }
  }

  offerCheck() {
    fill(this.report, this.heading(h("span", { class: "push" }, this.againButton("Look into it"))), h("p", { class: "soft" }, "It came with Erato and can be used as it is. A look into it shows how much music it is, and for which instruments."));
  }

  againButton(label) { return h("button", { type: "button", class: "button quiet small", onclick: () => this.check(true) }, label); }

  async follow(job) {
    const progress = bar("Reading the files"), said = h("p", { class: "soft numbers" }, "Reading the files…");
    if (job.state !== "done")
      fill(this.report, this.heading(h("button", { type: "button", class: "button bare small push", onclick: () => askJob(job, "cancel") }, "Cancel")), said, progress.element);
    const ended = await jobEnd(job.id, (now) => { progress.update(now.progress?.share); if (now.progress?.said) said.textContent = now.progress.said; });
    if (this.over) return;
    if (ended.state === "failed") return fill(this.report, this.heading(), trouble(ended.error, this.failedLinks()));
    if (ended.state === "cancelled") return fill(this.report, this.heading(this.againButton("Read it again")), h("p", { class: "soft" }, "Reading was cancelled."));
    this.checked(ended.result);
  }

  failedLinks() { return h("p", { class: "row" }, this.againButton("Try again"), h("a", { class: "button quiet small", href: "#/train" }, "Choose something else")); }

  checked(result) {
    const kind = this.kind ?? result.kind ?? "music";
    const report = checkReport(result, kind);
    if (!result.used) {
      fill(this.report, this.heading(), trouble("Nothing in it can be learnt from: see below why.", h("p", {}, h("a", { class: "button quiet small", href: "#/train" }, "Choose something else"))), report);
      this.rest.hidden = true;
      return announce("Nothing in it can be learnt from.");
    }
    fill(this.report, this.heading(h("span", { class: "push" }, this.againButton("Read it again"))), report);
    announce(`${count(result.used, "piece")} can be used.`);
    this.kind = kind;
    this.shown();
  }

  // The recipes, the minutes and the button.
  shown() {
    if (!this.rest.hidden) return;
    this.rest.hidden = false;
    this.minutes = this.number("minutes", "Minutes", { min: "0.05", max: "100000", step: "any", required: true });
    const cards = recipeCards(this.recipes, this.kind, (recipe) => { this.recipe = recipe; this.suggest(recipe); });
    this.trouble = h("div");
    this.button = h("button", { class: "button large", type: "submit" }, icon("train"), "Start training");
    fill(this.rest,
      h("section", { class: "stack", "aria-labelledby": "recipe-title" }, h("h2", { id: "recipe-title" }, "How it learns"), h("p", { class: "soft" }, "A recipe is one way to learn. Try several: models that learnt from the same music can stand side by side."), cards.element),
      h("section", { class: "card stack", "aria-labelledby": "time-title" }, h("h2", { id: "time-title" }, "How long"), h("div", { class: "time-and-name" }, this.time(), this.name()), this.more()),
      h("div", { class: "stack start-training" }, this.trouble, h("div", { class: "row" }, this.button, h("p", { class: "help grow" }, "It can be paused, and stopped early: what it learnt until then is kept."))));
  }

  suggest(recipe) {
    if (this.minutes && !this.touched) this.minutes.input.value = recipe.minutes ?? 10;
    this.press?.();
  }

  number(name, label, attributes) {
    const id = freshId(name), input = h("input", { id, name, type: "number", class: "input short", inputmode: "decimal", ...attributes });
    return { input, label: h("label", { for: id }, label) };
  }

  time() {
    const { input, label } = this.minutes;
    const buttons = MINUTES.map((minutes) => h("button", { type: "button", onclick: () => { this.touched = true; input.value = minutes; this.press(); } }, minutes));
    this.press = () => buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(Number(input.value) === MINUTES[index])));
    input.addEventListener("input", () => { this.touched = true; this.press(); });
    this.press();
    return h("div", { class: "field" }, label, h("div", { class: "row" }, input, h("div", { class: "segments", role: "group", "aria-label": "Minutes, ready-made" }, buttons)), h("p", { class: "help" }, "Longer is better up to a point; the curve shows when it stops getting better."));
  }

  name() {
    const id = freshId("name");
    this.named = h("input", { id, class: "input", maxlength: "100", placeholder: corpusTitle(this.corpus), autocomplete: "off" });
    return h("div", { class: "field" }, h("label", { for: id }, "Name of the model"), this.named);
  }

  more() {
    const seed = this.seed = this.number("seed", "Seed", { min: "0", step: "1", placeholder: "as the recipe" });
    const id = freshId("numbers");
    this.numbers = h("input", { id, class: "input", placeholder: "model.width=64 training.batch=4", autocomplete: "off", spellcheck: "false" });
    return h("details", {}, h("summary", {}, "More settings"), h("div", { class: "stack" },
      h("div", { class: "field" }, seed.label, seed.input, h("p", { class: "help" }, "Another seed, another model from the same music.")),
      h("div", { class: "field" }, h("label", { for: id }, "Numbers of the recipe"), this.numbers, h("p", { class: "help" }, "Any number that a recipe has, as in the documentation of “erato train --set”; several with spaces between."))));
  }

  asked() {
    const asked = { corpus: this.corpus.id, recipe: this.recipe.name, minutes: Number(this.minutes.input.value) };
    if (this.named.value.trim()) asked.name = this.named.value.trim();
    if (this.seed.input.value !== "") asked.seed = Number(this.seed.input.value);
    const settings = this.numbers.value.split(/\s+/).filter(Boolean);
    return settings.length ? { ...asked, settings } : asked;
  }

  async start() {
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
