// A model, while it learns and afterwards: its curve, the time left, samples to hear, and what can be done with it. The
// address names a model, or the job that trains it before there is a model.

import { announce, clear, fill, h, put, trouble } from "../dom.js";
import { icon } from "../icons.js";
import { get, say } from "../api.js";
import { hasEnded, known, onBack, onJob } from "../events.js";
import { askJob, standing } from "../jobs.js";
import { lossCurve } from "../curve.js";
import { LiveTraining } from "../live_training.js";
import { recipeTitle } from "../recipes.js";
import { sampleCard } from "../samples.js";
import { count, span, when } from "../words.js";

const EVERY = 2000; // milliseconds between looks at the numbers while it learns
const FINEST = 300; // points of the curve between the measurements, at most
const LOSS =
  "How surprised it is by what comes next: the lower the line, the better it knows the style. " +
  "When the line of unseen pieces rises again, it begins to learn by heart.";
const ENDS = { done: "finished", failed: "failed", cancelled: "cancelled", running: "going on" };

const modelOf = (job) => job?.result?.model ?? job?.progress?.model ?? null;

export async function show(root, { parts: [id] }) {
  if (!id) {
    location.replace("#/");
    return null;
  }
  const page = new Page(root, id);
  await page.begin();
  return () => page.end();
}

class Page {
  constructor(root, id) {
    this.id = id; // of the model, once there is one
    this.title = h("h1", {}, "A new model");
    this.chips = h("div", { class: "row tight" });
    this.trouble = h("div", { class: "stack" });
    this.ready = h("div", { class: "ready", hidden: true });
    this.live = new LiveTraining();
    this.curve = lossCurve();
    this.learning = section("learning", "curve-title");
    put(
      this.learning,
      h("h2", { id: "curve-title" }, "How it learns"),
      h("p", { class: "soft" }, LOSS),
      this.curve.element,
    );
    this.samples = section("heard", "samples-title");
    this.none = h("p", { class: "soft" });
    this.list = h("div", { class: "stack samples" });
    put(this.samples, h("h2", { id: "samples-title" }, "Hear it learn"), this.none, this.list);
    this.facts = section("about", "facts-title");
    this.cards = new Map(); // name of a sample -> its card
    this.trail = []; // where it stood since the last measurement
    this.offs = [];
    const parts = h("div", { class: "two" }, this.learning, this.samples, this.facts);
    put(
      root,
      h("a", { class: "back", href: "#/" }, icon("back"), "Start"),
      h("header", { class: "opening" }, this.title, this.chips),
      h("div", { class: "stack" }, this.trouble, this.ready, this.live.element, parts),
    );
  }

  async begin() {
    await this.findJob();
    await this.refresh();
    const timer = setInterval(() => {
      if (this.running()) this.refresh();
    }, EVERY);
    this.offs = [onJob((job) => this.heard(job)), onBack(() => this.refresh()), () => clearInterval(timer)];
  }

  end() {
    this.over = true;
    for (const off of this.offs) off();
    for (const card of this.cards.values()) card.stop();
  }

  running() {
    return this.job && !hasEnded(this.job);
  }

  // The newest training of this model, or the job of this id.
  async findJob() {
    const mine = (job) => job.kind === "train" && (job.id === this.id || modelOf(job) === this.id);
    const jobs = await get("/api/jobs?kind=train").then(
      (answer) => answer.jobs,
      () => known().reverse(),
    );
    this.take(jobs.find(mine) ?? null);
  }

  take(job) {
    this.job = job;
    const model = modelOf(job);
    if (!model || this.id === model) return;
    this.id = model; // the address goes over to the model, without a new page
    if (!this.over) history.replaceState(null, "", `#/model/${encodeURIComponent(model)}`);
  }

  heard(job) {
    if (this.over) return;
    if (job.id !== this.job?.id && (job.kind !== "train" || modelOf(job) !== this.id)) return;
    const before = this.job?.state;
    this.take(job);
    this.showJob();
    if (before === job.state) return;
    announce(`Training: ${standing(job) || ENDS[job.state]}`);
    this.refresh();
  }

  async refresh() {
    if (this.refreshing) {
      // what is on its way may be older than what was heard just now
      this.again = true;
      return;
    }
    this.refreshing = true;
    try {
      await this.showModel();
    } catch (error) {
      if (error.status !== 0) fill(this.trouble, trouble(say(error))); // that it is away stands above
    }
    this.refreshing = false;
    if (this.over) return;
    this.showJob();
    if (!this.again) return;
    this.again = false;
    this.refresh();
  }

  async showModel() {
    const path = `/api/models/${encodeURIComponent(this.id)}`;
    const here = this.model ? await get(path) : (await get("/api/models")).models.find((one) => one.id === this.id);
    if (!here) {
      // where there is a job: not yet
      if (!this.job) this.lost();
      return;
    }
    const [metrics, { samples }] = await Promise.all([get(`${path}/metrics`), get(`${path}/samples`)]);
    if (this.over) return;
    this.model = here;
    this.lines = metrics.lines;
    this.unit = metrics.unit ?? "";
    clear(this.trouble);
    this.title.textContent = here.name;
    document.title = `${here.name} · Erato`;
    this.learning.hidden = false;
    this.showSamples(samples);
    this.showFacts();
  }

  lost() {
    const back = h("p", {}, h("a", { class: "button quiet", href: "#/" }, "To your models"));
    this.title.textContent = "This model is not here";
    fill(this.trouble, trouble("Its folder may have been moved or removed.", back));
  }

  // All that follows from how the training stands.
  showJob() {
    if (this.running()) this.live.show(this.job);
    else this.live.hide();
    if (this.job && !this.model) this.title.textContent = this.job.request?.name || "A new model";
    if (this.model) {
      this.showState();
      this.showCurve();
    }
    if (this.job && hasEnded(this.job)) this.showEnd();
  }

  // What was measured, and where it stands now.
  showCurve() {
    const lines = this.lines ?? [],
      measured = lines.at(-1)?.seconds ?? 0;
    const now = this.running() ? this.job.progress?.training : null;
    this.trail = this.running() ? this.trail.filter((point) => point.seconds > measured) : [];
    const seconds = now ? (now.seconds_left * now.share) / (1 - now.share) : NaN; // what it took of its minutes
    const apart = Math.max(0.5, (seconds + now?.seconds_left) / FINEST);
    const last = this.trail.length ? this.trail.at(-1).seconds + apart : measured;
    if (Number.isFinite(now?.loss) && seconds > last)
      this.trail.push({ step: now.step, seconds, train_loss: now.loss });
    this.curve.update([...lines, ...this.trail], this.unit);
  }

  showState() {
    const { state, name, recipe, kind, why } = this.model,
      running = Boolean(this.running());
    const chip = (text, look = "") => text && h("span", { class: `chip ${look}` }, text);
    fill(
      this.chips,
      chip(recipe && recipeTitle(recipe)),
      chip(kind === "text" ? "words" : kind),
      state === "damaged" && chip("damaged", "bad"),
    );
    this.ready.hidden = state !== "ready" || running;
    if (!this.ready.hidden && !this.ready.firstChild) {
      const href = `#/compose/${encodeURIComponent(this.id)}`;
      fill(
        this.ready,
        h("p", {}, `${name} is ready.`),
        h("a", { class: "button large", href }, icon("compose"), "Compose with it"),
      );
    }
    if (state === "damaged") this.say(trouble(why || "The folder of this model is damaged."));
    if (state === "unfinished" && !this.job)
      this.say(h("p", { class: "hint" }, why || "Its training ended before it could compose."));
  }

  // Says something once, however often it is found.
  say(element) {
    if (this.trouble.textContent !== element.textContent) fill(this.trouble, element);
  }

  showEnd() {
    const { state, error } = this.job;
    if (state === "failed") this.say(trouble(error || "The training failed.", this.takeUp()));
    if (state === "cancelled")
      this.say(h("div", { class: "hint row" }, h("p", {}, "This training was cancelled."), this.takeUp()));
  }

  // What can be done after a training that did not come to its end.
  takeUp() {
    const corpus = this.job.request?.corpus,
      href = corpus ? `#/train/${encodeURIComponent(corpus)}` : "#/train";
    const again = () => askJob(this.job, "resume");
    return h(
      "div",
      { class: "row tight" },
      h("button", { type: "button", class: "button quiet small", onclick: again }, icon("play"), "Take it up again"),
      h("a", { class: "button bare small", href }, "Back to its settings"),
    );
  }

  showFacts() {
    const { recipe, summary, corpus, licence, parameters, created } = this.model;
    const rows = [
      ["Recipe", recipe && [recipeTitle(recipe), summary].filter(Boolean).join(": ")],
      ["Learnt from", corpus],
      ["Licence of that", licence],
      ["Size", parameters && `${parameters.toLocaleString("en-GB")} numbers`],
      ["Begun", created && when(created)],
    ].filter(([, value]) => value);
    this.facts.hidden = !rows.length;
    const list = h(
      "dl",
      { class: "facts" },
      rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    );
    fill(this.facts, h("h2", { id: "facts-title" }, "About it"), list);
  }

  // New ones come on top; those that are there stay, as one may be playing.
  showSamples(samples) {
    this.samples.hidden = false;
    this.none.hidden = samples.length > 0;
    this.none.textContent = this.running()
      ? "The first sample comes with the first measurement."
      : "No samples were kept.";
    for (const sample of samples) {
      if (this.cards.has(sample.name)) continue;
      const card = sampleCard(this.id, sample, this.whenMade(sample));
      this.cards.set(sample.name, card);
      this.list.prepend(card.element);
    }
  }

  whenMade({ step, name }) {
    if (!Number.isFinite(step)) return name;
    const line = this.lines.find((one) => one.step === step);
    return line ? `After ${span(line.seconds)} (${count(step, "step")})` : `After ${count(step, "step")}`;
  }
}

const section = (name, title) => h("section", { class: `card stack ${name}`, "aria-labelledby": title, hidden: true });
