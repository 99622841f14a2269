// The panel in which a corpus is read and what was found is shown. Knows the jobs that check, nothing of what is done
// with a corpus afterwards: `found(result)` is told when it was read.

import { announce, fill, h, trouble } from "./dom.js";
import { get, post, say } from "./api.js";
import { heard, jobEnd } from "./events.js";
import { askJob, bar } from "./jobs.js";
import { checkReport } from "./report.js";
import { count } from "./words.js";

const WITH_ERATO =
  "It came with Erato and can be used as it is. A look into it shows how much music it is, and for which instruments.";

const elsewhere = () => h("a", { class: "button quiet small", href: "#/train" }, "Choose something else");

export class CheckPanel {
  constructor(corpus, found) {
    this.corpus = corpus;
    this.found = found;
    this.element = h("section", { class: "card stack", "aria-labelledby": "report-title" });
  }

  end() {
    this.over = true;
  }

  // The heading, `beside` it a button, and the rest.
  show(beside, ...rest) {
    if (this.over) return;
    const title = h("h2", { id: "report-title" }, "What can be read");
    fill(this.element, h("div", { class: "row" }, title, beside && h("span", { class: "push" }, beside)), rest);
  }

  button(label, press, look = "quiet") {
    return h("button", { type: "button", class: `button ${look} small`, onclick: press }, label);
  }

  again(label) {
    return this.button(label, () => this.check(true));
  }

  // The check of before, where there is one; a new one where it is asked for, or where the corpus is the person's own.
  async check(anew = false) {
    try {
      const job =
        (anew ? null : await this.before()) ?? (anew || this.corpus.origin !== "builtin" ? await this.ask() : null);
      if (job) await this.follow(job);
      else this.show(this.again("Look into it"), h("p", { class: "soft" }, WITH_ERATO));
    } catch (error) {
      this.show(null, trouble(say(error), h("p", {}, this.again("Try again"))));
    }
  }

  async before() {
    const { jobs } = await get("/api/jobs?kind=check");
    return jobs.find((job) => job.request?.corpus === this.corpus.id && !["failed", "cancelled"].includes(job.state));
  }

  async ask() {
    const job = await post("/api/check", { corpus: this.corpus.id });
    heard(job);
    return job;
  }

  async follow(job) {
    const progress = bar("Reading the files"),
      said = h("p", { class: "soft numbers" }, "Reading the files…");
    const cancel = this.button("Cancel", () => askJob(job, "cancel"), "bare");
    if (job.state !== "done") this.show(cancel, said, progress.element);
    const ended = await jobEnd(job.id, (now) => {
      progress.update(now.progress?.share);
      if (now.progress?.said) said.textContent = now.progress.said;
    });
    if (this.over) return;
    if (ended.state === "failed")
      this.show(null, trouble(ended.error, h("p", { class: "row" }, this.again("Try again"), elsewhere())));
    else if (ended.state === "cancelled")
      this.show(this.again("Read it again"), h("p", { class: "soft" }, "Reading was cancelled."));
    else this.read(ended.result);
  }

  read(result) {
    const report = checkReport(result, this.corpus.kind ?? result.kind ?? "music");
    if (result.used) {
      this.show(this.again("Read it again"), report);
      announce(`${count(result.used, "file")} can be used.`);
    } else
      this.show(null, trouble("Nothing in it can be learnt from: see below why.", h("p", {}, elsewhere())), report);
    this.found(result);
  }
}
