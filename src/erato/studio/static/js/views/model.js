// A model, while it learns and afterwards: its curve, the time left, samples to hear, and what can be done with it.
// The address names a model, or the job that trains it before there is a model.

import { announce, clear, fill, h, put, trouble } from "../dom.js";
import { icon } from "../icons.js";
import { get, say } from "../api.js";
import { hasEnded, known, onBack, onJob } from "../events.js";
import { askJob, bar, standing } from "../jobs.js";
import { lossCurve } from "../curve.js";
import { recipeTitle } from "../recipes.js";
import { sampleCard } from "../samples.js";
import { count, span, when } from "../words.js";

const EVERY = 2000; // milliseconds between looks at the numbers while it learns
const FINEST = 300; // points of the curve between the measurements, at most

const modelOf = (job) => job?.result?.model ?? job?.progress?.model ?? null;

export async function show(root, { parts: [id] }) {
  if (!id) { location.replace("#/"); return null; }
  const page = new Page(root, id);
  await page.begin();
  return () => page.end();
}

class Page {
  constructor(root, id) {
    this.id = id; // of the model, once there is one
    this.title = h("h1", {}, "A new model");
    this.chips = h("div", { class: "row tight" });
    this.live = h("section", { class: "card live stack", "aria-label": "Training", hidden: true });
    this.trouble = h("div", { class: "stack" });
    this.curve = lossCurve();
    this.learning = h("section", { class: "card stack learning", "aria-labelledby": "curve-title", hidden: true }, h("h2", { id: "curve-title" }, "How it learns"),
      h("p", { class: "soft" }, "How surprised it is by music, note by note: the lower the line, the better it knows the style. When the line of unseen pieces rises again, it begins to learn by heart."), this.curve.element);
    this.samples = h("section", { class: "card stack heard", "aria-labelledby": "samples-title", hidden: true });
    this.facts = h("section", { class: "card stack", "aria-labelledby": "facts-title", hidden: true });
    this.ready = h("div", { class: "ready", hidden: true });
    this.progress = bar("Training");
    this.cards = new Map(); // name of a sample -> its card
    this.trail = []; // where it stood since the last measurement
    this.offs = [];
    put(root, h("a", { class: "back", href: "#/" }, icon("back"), "Start"), h("header", { class: "opening" }, this.title, this.chips),
      h("div", { class: "stack model-page" }, this.trouble, this.ready, this.live, h("div", { class: "two" }, this.learning, this.samples, this.facts)));
  }

  async begin() {
    await this.findJob();
    await this.refresh();
    this.offs = [onJob((job) => this.heard(job)), onBack(() => this.refresh())];
    const timer = setInterval(() => { if (this.running()) this.refresh(); }, EVERY);
    this.offs.push(() => clearInterval(timer));
  }

  end() {
    this.over = true;
    for (const off of this.offs) off();
    for (const card of this.cards.values()) card.stop();
  }

  running() { return this.job && !hasEnded(this.job); }

  // The newest training of this model, or the job of this id.
  async findJob() {
    const mine = (job) => job.kind === "train" && (job.id === this.id || modelOf(job) === this.id);
    const jobs = await get("/api/jobs?kind=train").then((answer) => answer.jobs, () => known());
    this.take(jobs.find(mine) ?? known().reverse().find(mine) ?? null);
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
    const mine = job.id === this.job?.id || (job.kind === "train" && modelOf(job) === this.id);
    if (!mine) return;
    const before = this.job?.state;
    this.take(job);
    this.showLive();
    if (before === job.state) return;
    clear(this.trouble);
    announce(`Training: ${standing(job) || { done: "finished", failed: "failed", cancelled: "cancelled", running: "going on" }[job.state]}`);
    this.refresh();
  }

  async refresh() {
    if (this.refreshing) return;
    this.refreshing = true;
    try {
      await this.showModel();
    } catch (error) {
      if (error.status !== 0) fill(this.trouble, trouble(say(error))); // when the studio is away, the page says so above
    } finally {
      this.refreshing = false;
    }
    this.showLive();
  }

  async showModel() {
    const path = `/api/models/${encodeURIComponent(this.id)}`;
    const here = this.model ? await get(path) : (await get("/api/models")).models.find((one) => one.id === this.id);
    if (!here) { if (!this.job) this.lost(); return; } // with a job: not yet
    const [metrics, { samples }] = await Promise.all([get(`${path}/metrics`), get(`${path}/samples`)]);
    if (this.over) return;
    this.model = here;
    clear(this.trouble);
    this.title.textContent = here.name;
    document.title = `${here.name} · Erato`;
    this.lines = metrics.lines;
    this.unit = metrics.unit ?? "";
    this.learning.hidden = false;
    this.showCurve();
    this.showSamples(samples);
    this.showFacts();
    this.showState();
  }

  lost() {
    this.title.textContent = "This model is not here";
    fill(this.trouble, trouble("Its folder may have been moved or removed.", h("p", {}, h("a", { class: "button quiet", href: "#/" }, "To your models"))));
  }

  // What was measured, and where it stands now.
  showCurve() {
    const lines = this.lines ?? [], measured = lines.at(-1)?.seconds ?? 0;
    this.trail = this.running() ? this.trail.filter((point) => point.seconds > measured) : [];
    const now = this.running() ? this.job.progress?.training : null;
    const seconds = now ? (now.seconds_left * now.share) / (1 - now.share) : NaN; // what it took of its minutes
    const apart = Math.max(0.5, (seconds + now?.seconds_left) / FINEST);
    if (Number.isFinite(now?.loss) && seconds > (this.trail.at(-1)?.seconds + apart || measured)) this.trail.push({ step: now.step, seconds, train_loss: now.loss });
    this.curve.update([...lines, ...this.trail], this.unit);
  }

  showState() {
    const { state, name, recipe, kind, why } = this.model;
    fill(this.chips, recipe && h("span", { class: "chip" }, recipeTitle(recipe)), kind && h("span", { class: "chip" }, kind === "text" ? "words" : "music"), state === "damaged" && h("span", { class: "chip bad" }, "damaged"));
    this.ready.hidden = state !== "ready" || Boolean(this.running());
    if (!this.ready.hidden && !this.ready.firstChild) fill(this.ready, h("p", {}, `${name} is ready. `), h("a", { class: "button large", href: `#/compose/${encodeURIComponent(this.id)}` }, icon("compose"), "Compose with it"));
    if (state === "damaged") fill(this.trouble, trouble(why || "The folder of this model is damaged."));
    if (state === "unfinished" && !this.job) fill(this.trouble, h("p", { class: "hint" }, why || "Its training ended before its first measurement; it cannot compose."));
  }

  showFacts() {
    const { recipe, summary, corpus, licence, parameters, created } = this.model;
    const rows = [["Recipe", recipe && [recipeTitle(recipe), summary].filter(Boolean).join(": ")], ["Learnt from", corpus], ["Licence of that", licence],
      ["Size", parameters ? `${parameters.toLocaleString("en-GB")} numbers` : null], ["Begun", created ? when(created) : null]].filter(([, value]) => value);
    this.facts.hidden = !rows.length;
    fill(this.facts, h("h2", { id: "facts-title" }, "About it"), h("dl", { class: "facts" }, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
  }

  // New ones come on top; those that are there stay, as one may be playing.
  showSamples(samples) {
    this.samples.hidden = false;
    if (!this.list) {
      this.list = h("div", { class: "stack samples" });
      this.none = h("p", { class: "soft" });
      fill(this.samples, h("h2", { id: "samples-title" }, "Hear it learn"), this.none, this.list);
    }
    this.none.hidden = samples.length > 0;
    this.none.textContent = this.running() ? "The first sample comes with the first measurement." : "No samples were kept of this training.";
    for (const sample of samples) {
      if (this.cards.has(sample.name)) continue;
      const card = sampleCard(this.id, sample, this.whenMade(sample));
      this.cards.set(sample.name, card);
      this.list.prepend(card.element);
    }
  }

  whenMade({ step, name }) {
    if (!Number.isFinite(step)) return name;
    const line = (this.lines ?? []).find((one) => one.step === step);
    return line ? `After ${span(line.seconds)} (${count(step, "step")})` : `After ${count(step, "step")}`;
  }

  showLive() {
    const { job } = this;
    if (this.job && hasEnded(job)) this.showEnd();
    this.live.hidden = !this.running();
    if (this.live.hidden) { if (this.model) this.showState(); return; }
    this.ready.hidden = true;
    const state = `${job.state} ${job.wanted}`;
    if (state !== this.shown) this.buildLive();
    this.shown = state;
    const training = job.progress?.training ?? {};
    this.progress.update(job.state === "running" ? training.share ?? job.progress?.share : training.share ?? job.progress?.share ?? 0);
    this.left.textContent = this.headline(job, training);
    this.said.textContent = [Number.isFinite(training.step) && count(training.step, "step"), Number.isFinite(training.loss) && `loss ${training.loss.toFixed(2)}`,
      !training.step && job.progress?.said].filter(Boolean).join(" · ");
    if (!this.model) this.title.textContent = job.request?.name || "A new model";
    this.showCurve();
  }

  headline(job, training) {
    if (job.state === "waiting") return known().some((other) => other.kind === "train" && other.state === "running" && other.id !== job.id) ? "Waits until the training before it ends" : "Starting";
    if (job.state === "paused") return "Paused";
    if (job.wanted === "keep") return "Stopping, and keeping the best so far";
    if (Number.isFinite(training.seconds_left)) return `${span(training.seconds_left)} left`;
    return job.progress?.said || "Reading the pieces";
  }

  buildLive() {
    const { job } = this;
    this.left = h("p", { class: "left" });
    this.said = h("p", { class: "soft numbers" });
    const button = (what, look, name, label) => h("button", { type: "button", class: `button ${look}`, onclick: (event) => { event.currentTarget.disabled = true; askJob(this.job, what).then((done) => { if (!done) this.shown = null; this.showLive(); }); } }, icon(name), label);
    fill(this.live, h("div", { class: "row" }, h("div", { class: "grow" }, this.left, this.said),
      job.state === "running" && button("pause", "quiet", "pause", "Pause"), job.state === "paused" && button("resume", "", "play", "Resume"),
      job.state !== "waiting" && button("keep", "quiet", "check", "Stop and keep"), button("cancel", "bare", "cancel", "Cancel")), this.progress.element,
      h("p", { class: "help" }, "You can close this page: the training goes on as long as the studio runs, and after a restart it is taken up where it was."));
  }

  showEnd() {
    if (this.job.state === "failed") fill(this.trouble, trouble(this.job.error || "The training failed.", this.again()));
    if (this.job.state === "cancelled") fill(this.trouble, h("div", { class: "hint row" }, h("p", {}, "This training was cancelled."), this.again()));
    if (!this.model) this.title.textContent = this.job.request?.name || "A new model";
  }

  // What can be done after a training that did not come to its end.
  again() {
    const corpus = this.job.request?.corpus;
    return h("div", { class: "row tight" }, h("button", { type: "button", class: "button quiet small", onclick: () => askJob(this.job, "resume") }, icon("play"), "Take it up again"),
      h("a", { class: "button bare small", href: corpus ? `#/train/${encodeURIComponent(corpus)}` : "#/train" }, "Back to its settings"));
  }
}
