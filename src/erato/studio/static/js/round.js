// One round of composing: a job that runs, its four pieces as cards, or why there are none. A job comes in, elements go out;
// knows how a take is kept and thrown away, nothing of settings and models.

import { announce, fill, h, put, trouble } from "./dom.js";
import { get, patch, say } from "./api.js";
import { hasEnded, jobEnd } from "./events.js";
import { askJob, bar, standing } from "./jobs.js";
import { nameOf, settingsSaid } from "./facts.js";
import { takeCard } from "./take_card.js";
import { count, sentence } from "./words.js";

const PLACEHOLDERS = 4;

// `more`: actions of cards beside keeping and throwing away. The element has `.cards`, a list, and `.stop()`.
export function roundOf(job, more = []) {
  const state = h("div", { "aria-live": "off" }), grid = h("div", { class: "variants" });
  const element = h("section", { class: "take-round stack", "aria-label": "Pieces of one round", dataset: { job: job.id } }, headOf(job),
    state, grid);
  element.cards = [];
  element.stop = () => element.cards.forEach((card) => card.stop());
  follow(job, element, state, grid, more);
  return element;
}

function headOf(job) {
  const asked = settingsSaid(job.request ?? {}).map(([name, value]) => `${name}: ${value}`).join(" · ");
  return h("header", { class: "round-head" }, h("p", { class: "small soft" }, asked));
}

async function follow(job, element, state, grid, more) {
  const waiting = hasEnded(job) ? null : showWaiting(job, state, grid);
  try {
    const ended = hasEnded(job) ? job : await jobEnd(job.id, waiting);
    await showEnd(ended, element, state, grid, more);
  } catch (error) {
    fill(grid);
    fill(state, trouble(say(error)));
  }
}

// Progress in words, and a place for each piece that will come.
function showWaiting(job, state, grid) {
  const line = bar("Composing"), said = h("span", { class: "small soft", role: "status" });
  const number = job.request?.n ?? PLACEHOLDERS, places = Array.from({ length: number }, () =>
    h("div", { class: "card take is-waiting", "aria-hidden": "true" }, h("p", { class: "excerpt" })));
  let newest = job;
  fill(state, h("div", { class: "row round-progress" }, h("div", { class: "grow stack tight" }, said, line.element),
    h("button", { type: "button", class: "button quiet small", onclick: () => askJob(newest, "cancel") }, "Cancel")));
  fill(grid, places);
  return (now) => {
    newest = now;
    line.update(now.state === "running" ? now.progress?.share : 0);
    said.textContent = standing(now) || "Composing …";
    const texts = [now.progress?.text ?? []].flat();
    texts.slice(0, places.length).forEach((text, at) => { places[at].firstChild.textContent = text; });
  };
}

async function showEnd(job, element, state, grid, more) {
  fill(grid);
  if (job.state === "failed") return fill(state, trouble(sentence(job.error ?? "Composing failed, and did not say why")));
  if (job.state === "cancelled") return fill(state, h("p", { class: "hint" }, "Cancelled: nothing was composed."));
  const takes = await Promise.all(job.result.takes.map((id) => get(`/api/takes/${id}`)));
  fill(state);
  element.cards = takes.map((take) => variant(take, state, more));
  put(grid, element.cards);
  announce(`${count(takes.length, "piece")} composed.`);
}

// A card whose take may be kept or thrown away; what was thrown away shrinks to a line from which it comes back.
function variant(take, state, more) {
  const set = (status) => async (old) => {
    try {
      card.update(await patch(`/api/takes/${old.id}`, { status }));
      show(card);
      announce(`${nameOf(card.take)}: ${status === "kept" ? "kept" : status === "discarded" ? "thrown away" : "back"}.`);
    } catch (error) {
      fill(state, trouble(say(error)));
    }
  };
  const keep = { label: "Keep", icon: "check", pressed: (now) => now.status === "kept",
    run: (now) => set(now.status === "kept" ? "offered" : "kept")(now) };
  const drop = { label: "Throw away", icon: "trash", small: true, run: set("discarded") };
  const edit = { label: "Edit", icon: "edit", href: (now) => `#/${now.kind === "text" ? "text" : "edit"}/${now.id}` };
  const card = takeCard(take, { actions: [keep, edit, ...more, drop], brief: true });
  const back = h("div", { class: "row take-gone" }, h("span", { class: "grow soft" }),
    h("button", { type: "button", class: "button bare small", onclick: () => set("offered")(card.take) }, "Bring it back"));
  card.prepend(back);
  show(card);
  return card;
}

function show(card) {
  const gone = card.take.status === "discarded";
  card.classList.toggle("is-gone", gone);
  card.classList.toggle("is-kept", card.take.status === "kept");
  card.querySelector(".take-gone span").textContent = `${nameOf(card.take)} was thrown away.`;
  if (gone) card.stop();
}
