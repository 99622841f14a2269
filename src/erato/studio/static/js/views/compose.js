// The view `#/compose`: a model, its settings, what to begin with, and four pieces at once. Reads the address, asks the server
// for models and jobs, sends what the form holds; how a setting, a prompt or a piece looks is elsewhere.

import { fill, h, trouble } from "../dom.js";
import { get, post, say, withQuery } from "../api.js";
import { hasEnded, heard } from "../events.js";
import { dialsOf } from "../dials.js";
import { spacePlays } from "../hearing.js";
import { icon } from "../icons.js";
import { nameOf } from "../facts.js";
import { musicPrompt, textPrompt } from "../prompt.js";
import { roundOf } from "../round.js";
import { settingsOf } from "../settings.js";
import { sentence } from "../words.js";

const NUMBER = 4; // pieces at once
const ROUNDS = 3; // of them, one above the other

export async function show(root, { parts, query }) {
  const [{ models }, take, vary] = await Promise.all([get("/api/models"), takeOf(query.get("take")), takeOf(query.get("vary"))]);
  const ready = models.filter((model) => model.state === "ready");
  root.classList.add("compose");
  root.append(opening());
  if (!ready.length) return void root.append(noModels(models));
  const desk = new Desk(ready, root);
  await desk.begin(parts[0], take, Number(query.get("bar")) || null, vary, models);
  const quiet = spacePlays(() => desk.playable());
  return () => { quiet(); desk.leave(); };
}

const takeOf = async (id) => (id ? get(`/api/takes/${encodeURIComponent(id)}`) : null);

const opening = () => h("div", { class: "opening" }, h("h1", {}, "Compose"),
  h("p", { class: "lead" }, "Say how long and how daring. Four pieces come back: listen, keep what you like, go on from there."));

function noModels(models) {
  const [title, words] = models.length
    ? ["No model is ready yet", "One is learning, or was stopped early. Go on with it, or train another."]
    : ["There is no model yet", "A model learns from music or words: from your own folder, or from a corpus that came with Erato."];
  return h("div", { class: "empty" }, icon("train"), h("h2", {}, title), h("p", {}, words),
    h("a", { class: "button", href: "#/train" }, "Train a model"));
}

class Desk {
  constructor(models, root) {
    this.models = models;
    this.rounds = [];
    this.said = h("div", {});
    this.list = h("div", { class: "rounds stack wide" });
    this.chooser = h("select", { class: "input", id: "model", onchange: () => this.choose(this.chooser.value) },
      models.map((model) => h("option", { value: model.id }, model.name)));
    this.about = h("p", { class: "help" });
    this.parts = h("div", { class: "stack wide" });
    this.button = h("button", { class: "button large", type: "submit" }, icon("compose"), "Compose four");
    this.form = h("form", { class: "card compose-form stack wide", onsubmit: (event) => this.send(event) },
      h("div", { class: "field" }, h("label", { class: "over", for: "model" }, "Model"), this.chooser, this.about),
      this.parts, h("div", { class: "compose-go" }, this.button));
    root.append(h("div", { class: "compose-desk" }, this.form,
      h("section", { class: "compose-results stack", "aria-label": "What was composed" }, this.said, this.list)));
  }

  // A model of the address, else one that can do what the address asks for.
  async begin(id, take, bar, vary, all) {
    const fits = (model) => (take ? model.composes.prompt && model.kind === take.kind : vary ? model.composes.latents : true);
    const asked = this.models.find((model) => model.id === id) ?? this.models.find((model) => model.id === vary?.model);
    const model = asked && fits(asked) ? asked : this.models.find(fits) ?? asked ?? this.models[0];
    this.choose(model.id);
    if (id && model.id !== id) this.complain(otherModel(id, all, model));
    if (take && !fits(model)) this.complain(`No model that is ready goes on from ${take.kind === "text" ? "words" : "music"} like ${nameOf(take)}.`);
    else if (take) await this.prompt.use(take, bar === null ? null : bar - 1);
    if (vary) this.dials?.vary(vary);
    await this.showLast();
  }

  choose(id) {
    this.model = this.models.find((model) => model.id === id);
    const { composes, kind, name } = this.model, kept = this.prompt?.take?.();
    this.chooser.value = id;
    this.about.textContent = aboutModel(this.model);
    this.settings = settingsOf(composes, kind, icon("dice"));
    this.dials = composes.latents ? dialsOf(composes.latents) : null;
    this.prompt = !composes.prompt ? null : kind === "text" ? textPrompt() : musicPrompt(() => this.remember());
    if (kept && kind === "music") this.prompt?.use(kept);
    this.remember();
    fill(this.parts, this.prompt?.element, h("div", { class: "stack", role: "group", "aria-label": `Settings of ${name}` }, this.settings.elements,
      h("details", { class: "compose-more" }, h("summary", {}, "More settings"), h("div", { class: "stack" }, this.settings.more))),
        this.dials?.element);
  }

  // The address names what is chosen, so that the page opened again has it again.
  remember() {
    const { take, to_bar: last } = this.prompt?.value() ?? {};
    history.replaceState(null, "", withQuery(`#/compose/${encodeURIComponent(this.model.id)}`, { take, bar: last && last + 1 }));
  }

  complain(sentence) {
    fill(this.said, sentence && trouble(sentence));
    if (sentence) this.said.scrollIntoView({ block: "nearest" });
  }

  request() {
    const prompt = this.prompt?.value(), parent = this.dials?.take()?.id ?? this.prompt?.take()?.id;
    return { model: this.model.id, n: NUMBER, ...this.settings.values(), ...this.dials?.values(), ...(prompt ? { prompt } : {}),
      ...(parent ? { parent } : {}) };
  }

  async send(event) {
    event.preventDefault();
    this.complain(null);
    this.button.disabled = true;
    try {
      const job = await post("/api/compose", this.request());
      heard(job);
      this.settings.again();
      const round = this.add(job);
      round.scrollIntoView({ block: "nearest" });
    } catch (error) {
      this.complain(say(error));
    }
    this.button.disabled = false;
  }

  add(job) {
    const round = roundOf(job, this.actions());
    this.list.prepend(round);
    this.rounds.unshift(round);
    for (const old of this.rounds.splice(ROUNDS)) { old.stop(); old.remove(); }
    this.nothing?.remove();
    return round;
  }

  // What else can be done with a piece: go on from it, and where there are dials, vary it.
  actions() {
    const on = { label: "Continue", icon: "next", run: (take) => this.goOn(take) };
    const vary = { label: "Vary", icon: "redo", run: (take) => this.vary(take) };
    return this.dials ? [vary] : this.model.composes.prompt ? [on] : [];
  }

  async goOn(take) {
    if (take.kind === "text") return void (location.hash = `#/text/${take.id}`);
    if (!this.prompt) return void (location.hash = `#/compose?take=${take.id}`);
    await this.prompt.use(take);
    this.lookAt(this.prompt.element);
  }

  vary(take) {
    if (!this.dials) return void (location.hash = `#/compose?vary=${take.id}`);
    this.dials.vary(take);
    this.lookAt(this.dials.element);
  }

  lookAt(element) {
    element.scrollIntoView({ block: "center" });
    element.querySelector("input:not([type=file])")?.focus({ preventScroll: true });
  }

  // What this model composed last, or composes now: it is there again when somebody comes back.
  async showLast() {
    const { jobs } = await get("/api/jobs?kind=compose");
    const mine = jobs.filter(({ request, state }) => request?.model === this.model.id && request?.n === NUMBER && state !== "cancelled");
    const last = mine.find((job) => !hasEnded(job)) ?? mine.find((job) => job.state === "done");
    if (last) return void this.add(last);
    this.nothing = h("div", { class: "empty" }, icon("compose"), h("h2", {}, "Nothing composed yet"),
      h("p", {}, "The settings are those that the model works well with. “Compose four”, and listen."));
    this.list.append(this.nothing);
  }

  playable() {
    const cards = this.rounds.flatMap((round) => round.cards);
    return cards.find((card) => card.querySelector(".play.is-playing")) ?? cards.find((card) => !card.classList.contains("is-gone")) ?? null;
  }

  leave() {
    this.rounds.forEach((round) => round.stop());
  }
}

function aboutModel({ summary, corpus, kind }) {
  return [kind === "text" && "Writes words.", summary && sentence(summary), corpus && `Learned from ${corpus}.`].filter(Boolean).join(" ");
}

function otherModel(id, all, model) {
  const known = all.find((one) => one.id === id);
  if (!known) return `There is no model ${id} here; ${model.name} is chosen instead.`;
  if (known.state === "ready") return `${known.name} cannot do this; ${model.name} is chosen instead.`;
  return `${known.name} cannot compose${known.why ? `: ${known.why}` : " yet"}. ${model.name} is chosen instead.`;
}
