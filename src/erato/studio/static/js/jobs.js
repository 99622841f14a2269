// The strip at the foot of every view: what runs and what waits, how far it is, and the buttons to pause and to cancel
// it. Knows what kinds of jobs there are, nothing of how they are done.

import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { post, say } from "./api.js";
import { hasEnded, heard, known, onJob } from "./events.js";
import { tell } from "./messages.js";
import { span } from "./words.js";

const WORDS = { check: "Reading a corpus", train: "Training", compose: "Composing" };
const MOST = 4; // shown at once; of the others only the number

// Asks something of a job (cancel, pause, resume, keep); says where that failed. Gives the job, or null.
export async function askJob(job, what) {
  try {
    const changed = await post(`/api/jobs/${job.id}/${what}`);
    heard(changed);
    return changed;
  } catch (error) {
    tell(say(error), { kind: "bad" });
    return null;
  }
}

// What a job is, in a few words.
export function named(job) {
  const word = WORDS[job.kind] ?? job.kind;
  const of = job.request?.name ?? job.request?.model ?? null;
  return of ? `${word}: ${of}` : word;
}

// How it stands with it, in a few words.
export function standing(job) {
  if (job.wanted && job.wanted !== "run" && job.state === "running")
    return { cancel: "Cancelling", pause: "Pausing", keep: "Stopping" }[job.wanted] ?? "";
  if (job.state === "waiting") return "Waits its turn";
  if (job.state === "paused") return "Paused";
  const left = job.progress?.training?.seconds_left;
  if (Number.isFinite(left)) return `${span(left)} left`;
  return job.progress?.said ?? "";
}

// A bar of progress; `update(share)` with 0..1 or null moves it.
export function bar(label) {
  const element = h("div", {
    class: "bar",
    role: "progressbar",
    "aria-label": label,
    "aria-valuemin": "0",
    "aria-valuemax": "100",
  });
  const update = (share) => {
    const knows = Number.isFinite(share);
    element.classList.toggle("unknown", !knows);
    element.style.setProperty("--share", knows ? share : 0);
    if (knows) element.setAttribute("aria-valuenow", String(Math.round(100 * share)));
    else element.removeAttribute("aria-valuenow");
  };
  update(null);
  return { element, update };
}

// Where more of a job is to be seen.
const place = (job) => (job.kind === "train" ? `#/model/${job.progress?.model ?? job.result?.model ?? job.id}` : null);

// Whether the view itself is about this job.
const shownHere = (job) =>
  (job.kind === "train" && [place(job), `#/model/${job.id}`].includes(location.hash)) ||
  (job.kind === "check" && location.hash === `#/train/${job.request.corpus}`);

class Line {
  constructor(job) {
    this.bar = bar(named(job));
    this.said = h("span", { class: "said" });
    this.buttons = h("div", { class: "row" });
    const href = place(job);
    this.element = h(
      "li",
      {},
      h(href ? "a" : "span", { class: "what", href }, named(job)),
      this.bar.element,
      this.said,
      this.buttons,
    );
    this.state = null;
  }

  show(job) {
    this.job = job;
    this.bar.update(job.state === "running" ? job.progress?.share : (job.progress?.share ?? 0));
    this.said.textContent = standing(job);
    const state = `${job.state} ${job.wanted}`;
    if (state === this.state) return; // buttons that are being pressed stay
    this.state = state;
    const button = (what, name, label) =>
      h(
        "button",
        {
          type: "button",
          class: "button bare small round",
          "aria-label": `${label} ${named(job)}`,
          title: label,
          onclick: () => askJob(this.job, what),
        },
        icon(name),
      );
    fill(
      this.buttons,
      job.kind === "train" && job.state === "running" && button("pause", "pause", "Pause"),
      job.state === "paused" && button("resume", "play", "Resume"),
      button("cancel", "cancel", "Cancel"),
    );
  }
}

export function showJobs(root) {
  const lines = new Map();
  const list = h("ul", {}),
    more = h("li", { hidden: true }),
    strip = h("div", { class: "strip", hidden: true }, list);
  root.append(strip);
  const show = () => {
    const open = known().filter((job) => !hasEnded(job) && !shownHere(job));
    const seen = [
      ...open.filter((job) => job.state === "running"),
      ...open.filter((job) => job.state !== "running"),
    ].slice(0, MOST);
    for (const [id, line] of lines)
      if (!seen.some((job) => job.id === id)) {
        line.element.remove();
        lines.delete(id);
      }
    for (const job of seen) {
      if (!lines.has(job.id)) {
        lines.set(job.id, new Line(job));
        list.append(lines.get(job.id).element);
      }
      lines.get(job.id).show(job);
    }
    const rest = open.length - seen.length;
    more.hidden = rest <= 0;
    more.textContent = `and ${rest} more that wait`;
    list.append(more);
    strip.hidden = open.length === 0;
  };
  onJob(show);
  addEventListener("hashchange", show);
  show();
}
