// The panel of a training that goes on: the time left, how far it is, and the buttons to pause it, to stop and keep it,
// to cancel it. Takes jobs; knows nothing of the model that comes of them.

import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { known } from "./events.js";
import { askJob, bar } from "./jobs.js";
import { count, span } from "./words.js";

const GOES_ON =
  "You can close this page: the training goes on as long as the studio runs, and after a restart from where it was.";

const behindAnother = (job) =>
  known().some((other) => other.kind === "train" && other.state === "running" && other.id !== job.id);

function headline(job, training) {
  if (job.state === "waiting") return behindAnother(job) ? "Waits until the training before it ends" : "Starting";
  if (job.state === "paused") return "Paused";
  if (job.wanted === "keep") return "Stopping, and keeping the best so far";
  if (Number.isFinite(training.seconds_left)) return `${span(training.seconds_left)} left`;
  return job.progress?.said || "Reading the pieces";
}

function details(job, training) {
  const parts = [];
  if (Number.isFinite(training.step)) parts.push(count(training.step, "step"));
  if (Number.isFinite(training.loss)) parts.push(`loss ${training.loss.toFixed(2)}`);
  if (!training.step && job.progress?.said) parts.push(job.progress.said);
  return parts.join(" · ");
}

export class LiveTraining {
  constructor() {
    this.element = h("section", { class: "card live stack", "aria-label": "Training", hidden: true });
    this.progress = bar("Training");
    this.left = h("p", { class: "left" });
    this.said = h("p", { class: "soft numbers" });
    this.buttons = h("div", { class: "row tight" });
    const top = h("div", { class: "row" }, h("div", { class: "grow" }, this.left, this.said), this.buttons);
    fill(this.element, top, this.progress.element, h("p", { class: "help" }, GOES_ON));
  }

  hide() {
    this.element.hidden = true;
  }

  show(job) {
    const training = job.progress?.training ?? {},
      share = training.share ?? job.progress?.share;
    this.element.hidden = false;
    this.job = job;
    this.progress.update(job.state === "running" ? share : (share ?? 0));
    this.left.textContent = headline(job, training);
    this.said.textContent = details(job, training);
    const state = `${job.state} ${job.wanted}`;
    if (state !== this.state) this.showButtons(job); // one that is being pressed stays
    this.state = state;
  }

  showButtons({ state }) {
    const focus = this.buttons.contains(document.activeElement);
    fill(
      this.buttons,
      state === "running" && this.button("pause", "quiet", "pause", "Pause"),
      state === "paused" && this.button("resume", "", "play", "Resume"),
      state !== "waiting" && this.button("keep", "quiet", "check", "Stop and keep"),
      this.button("cancel", "bare", "cancel", "Cancel"),
    );
    if (focus) this.buttons.firstChild.focus(); // who paused by the keyboard resumes by it
  }

  button(wish, look, name, label) {
    const pressed = async (event) => {
      const button = event.currentTarget;
      button.setAttribute("aria-disabled", "true"); // not `disabled`, which would lose the focus
      if (!(await askJob(this.job, wish))) button.removeAttribute("aria-disabled");
    };
    return h("button", { type: "button", class: `button ${look}`, onclick: pressed }, icon(name), label);
  }
}
