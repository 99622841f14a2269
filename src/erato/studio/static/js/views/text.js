// The view `#/text/TAKE` and `#/text/new`: writing, with a model that goes on behind the cursor. Reads the address, asks for
// continuations and follows them as they come; the editor itself and saving are elsewhere.

import { announce, fill, h, trouble } from "../dom.js";
import { get, patch, post, say } from "../api.js";
import { heard, jobEnd } from "../events.js";
import { ghostEditor } from "../ghost.js";
import { icon } from "../icons.js";
import { askJob } from "../jobs.js";
import { nameOf, wordsIn } from "../facts.js";
import { Saving } from "../saving.js";
import { lengthField, randomSeed, slider } from "../settings.js";
import { count, sentence } from "../words.js";

export async function show(root, { parts: [id = "new"], query }) {
  const take = id === "new" ? null : await get(`/api/takes/${encodeURIComponent(id)}`);
  if (take && take.kind !== "text") return void location.replace(`#/edit/${take.id}`);
  const [piece, { models }] = await Promise.all([take ? get(`/api/takes/${take.id}/piece`) : { text: "" }, get("/api/models")]);
  const able = models.filter((model) => model.kind === "text" && model.state === "ready");
  const desk = new WritingDesk(root, take, piece.text, able, query.get("model") ?? take?.model);
  return () => desk.leave();
}

class WritingDesk {
  constructor(root, take, text, models, wanted) {
    this.models = models;
    this.job = null; // the continuation that comes, or stands behind the cursor
    this.editor = ghostEditor({ changed: () => this.changed(), taken: (all) => this.taken(all), refused: () => this.ended("discarded") });
    this.saving = new Saving({ take, saved: text, text: () => this.editor.text(), told: (...said) => this.told(...said),
      moved: (now) => this.moved(now) });
    this.state = h("span", { class: "small soft", role: "status" });
    this.words = h("span", { class: "small soft numbers" });
    this.said = h("div", {});
    this.title = h("input", { class: "title", "aria-label": "Title", placeholder: "Without a title", value: take?.title ?? "",
      maxlength: "200", onchange: () => this.rename() });
    this.offerBar = this.barOfOffer();
    root.append(this.head(), this.said, h("div", { class: "writing" }, h("div", { class: "writing-leaf" }, this.editor.element,
      this.offerBar), this.side(models, wanted)));
    root.classList.add("text-view");
    this.editor.set(text);
    this.told("saved");
    this.count();
    this.editor.area.focus({ preventScroll: true });
    this.before = (event) => { if (this.saving.dirty) event.preventDefault(); };
    addEventListener("beforeunload", this.before);
  }

  head() {
    return h("header", { class: "writing-head" }, h("a", { class: "back", href: "#/keep" }, icon("back"), "Takes"),
      h("h1", { class: "unseen" }, "Write"),
      this.title, h("div", { class: "row tight" }, this.words, this.state));
  }

  side(models, wanted) {
    if (!models.length) return h("aside", { class: "writing-side" }, noModels());
    this.chooser = h("select", { class: "input", id: "text-model", onchange: () => this.showSettings() },
      models.map((model) => h("option", { value: model.id }, model.name)));
    this.chooser.value = models.some((model) => model.id === wanted) ? wanted : models[0].id;
    this.settings = h("div", { class: "stack" });
    this.button = h("button", { type: "button", class: "button", onclick: () => this.goOn() }, icon("next"), "Continue from here");
    this.showSettings();
    return h("aside", { class: "writing-side card stack", "aria-label": "Continuing" }, this.button,
      h("p", { class: "help" }, "Goes on where the cursor stands. ", h("kbd", {}, "Ctrl Enter"), " does the same."),
      h("div", { class: "field" }, h("label", { class: "over", for: "text-model" }, "Model"), this.chooser), this.settings);
  }

  showSettings() {
    const { composes } = this.model();
    this.parts = [lengthField({ length: true, usual: { length: 120 } }, "text"),
      ...(composes.sampler?.includes("temperature") ? [slider("temperature", composes.usual?.temperature)] : [])];
    fill(this.settings, this.parts.map((part) => part.element));
  }

  barOfOffer() {
    const button = (label, keys, run, kind = "quiet") => h("button", { type: "button", class: `button small ${kind}`, onclick: run },
      label, keys && h("kbd", {}, keys));
    this.waits = h("span", { class: "small soft grow", role: "status" });
    this.takes = [button("Take it", "Tab", () => this.editor.take(), ""), button("A word", "Ctrl →", () => this.editor.takeWord())];
    const element = h("div", { class: "offer row tight", hidden: true, role: "group", "aria-label": "What is offered" }, this.waits, this.takes,
      button("Another", "", () => this.another()), button("Refuse", "Esc", () => this.editor.refuse()));
    element.addEventListener("pointerdown", (event) => event.preventDefault()); // the cursor stays where it is
    this.editor.area.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (this.models.length) this.goOn();
    });
    return element;
  }

  model() { return this.models.find((model) => model.id === this.chooser.value); }

  // Asks for words behind the cursor, and shows them as they come.
  async goOn() {
    if (this.editor.offered() !== null) this.editor.refuse();
    this.complain(null);
    const before = this.editor.before(), mine = this.job = { before, id: null, wanted: true };
    this.offering("The model begins …", false);
    this.editor.offer("");
    this.editor.area.focus({ preventScroll: true });
    try {
      const take = await this.saving.now();
      if (this.job !== mine) return;
      const prompt = before ? { prompt: { text: before } } : {}, parent = take ? { parent: take.id } : {};
      const job = await post("/api/compose", { model: this.model().id, n: 1, seed: randomSeed(), ...Object.assign({},
        ...this.parts.map((part) => part.values())), ...prompt, ...parent });
      heard(job);
      mine.id = job.id;
      if (this.job !== mine) return void askJob(job, "cancel");
      await this.follow(mine);
    } catch (error) {
      this.failed(mine, say(error));
    }
  }

  async follow(mine) {
    const ended = await jobEnd(mine.id, (job) => {
      if (this.job === mine && job.state !== "done" && job.progress?.text) this.stream(mine, [job.progress.text].flat()[0]);
    });
    if (ended.state === "done") mine.take = ended.result.takes[0];
    if (this.job !== mine) return void this.settle(mine, mine.fate);
    if (ended.state !== "done") return this.failed(mine, ended.state === "failed" ? sentence(ended.error) : null);
    const { text } = await get(`/api/takes/${mine.take}/piece`);
    if (this.job !== mine) return void this.settle(mine, mine.fate);
    this.stream(mine, text);
    this.offering("", true);
    announce(`Offered: ${this.editor.offered()}. Tab takes it, Escape refuses it.`);
  }

  // What comes may hold the text that it goes on from.
  // Words of it may be taken already.
  stream(mine, text) {
    const all = text.startsWith(mine.before) ? text : mine.before + text, now = this.editor.before();
    if (all.startsWith(now)) this.editor.offer(all.slice(now.length));
    this.offering("The model writes …", true);
  }

  taken(all) {
    if (this.job) this.job.some = true;
    if (all) this.ended("kept");
  }

  // It was taken or refused, perhaps before it had ended: then it is cancelled.
  ended(fate) {
    const mine = this.job;
    if (!mine) return;
    this.job = null;
    mine.fate = mine.some ? "kept" : fate;
    this.offerBar.hidden = true;
    if (mine.take) this.settle(mine, mine.fate);
    else if (mine.id) askJob({ id: mine.id }, "cancel");
  }

  // The take that was composed is kept where its words were taken: the text comes from it then.
  async settle(mine, fate) {
    if (!mine.take) return;
    try {
      const take = await patch(`/api/takes/${mine.take}`, { status: fate });
      if (fate === "kept") this.saving.take = take;
      else if (this.saving.take) this.saving.take = await get(`/api/takes/${this.saving.take.id}`); // which may change again
    } catch (error) {
      this.complain(say(error));
    }
  }

  another() {
    this.editor.refuse();
    this.goOn();
  }

  failed(mine, sentence) {
    if (this.job !== mine) return;
    this.job = null;
    this.editor.offer(null);
    this.offerBar.hidden = true;
    this.complain(sentence);
  }

  offering(sentence, some) {
    this.offerBar.hidden = false;
    this.waits.textContent = sentence;
    this.takes.forEach((button) => { button.disabled = !some; });
  }

  changed() {
    this.saving.changed();
    this.count();
  }

  count() { this.words.textContent = count(wordsIn(this.editor.text()), "word"); }

  async rename() {
    const title = this.title.value.trim();
    this.saving.title = title;
    if (!this.saving.take) return this.changed();
    try {
      await patch(`/api/takes/${this.saving.take.id}`, { title });
    } catch (error) {
      this.complain(say(error));
    }
  }

  moved(take) {
    history.replaceState(null, "", `#/text/${take.id}`);
    document.title = `${nameOf(take)} · Erato`;
  }

  told(state, sentence, other) {
    this.state.textContent = { saved: this.saving.take ? "Saved" : "Not saved yet", saving: "Saving …", trouble: "Not saved",
      conflict: "Not saved" }[state];
    if (state === "conflict") return this.conflict(sentence, other);
    this.complain(state === "trouble" ? sentence : null);
  }

  // Another page saved this take meanwhile: nothing is written over until somebody says what is to be.
  conflict(sentence, other) {
    const theirs = async () => {
      const { text } = await get(`/api/takes/${other.id}/piece`);
      this.editor.set(text);
      this.saving.goOn(other, text);
      this.changed();
    };
    fill(this.said, trouble(sentence, h("div", { class: "row tight" },
      h("button", { type: "button", class: "button small", onclick: () => this.saving.keepMine() }, "Keep mine as a new take"),
      h("button", { type: "button", class: "button quiet small", onclick: theirs }, "Show the other"))));
  }

  complain(sentence) { fill(this.said, sentence && trouble(sentence)); }

  leave() {
    removeEventListener("beforeunload", this.before);
    if (this.job) this.editor.refuse();
    this.saving.leave();
  }
}

const noModels = () => h("div", { class: "empty" }, icon("words"), h("h2", {}, "No model of words yet"),
  h("p", {}, "Train one on your own texts: then it goes on behind your cursor."),
  h("a", { class: "button", href: "#/train" }, "Train a model"));
