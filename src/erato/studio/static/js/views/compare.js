// The view `#/compare/A/B`: two takes above each other on one scale of time, heard in turn at the same place, and what differs
// between them in a table. Fetches both and changes nothing.

import { complaints, fill, h, trouble } from "../dom.js";
import { get } from "../api.js";
import { notesApart, wordsApart } from "../difference.js";
import { SETTING_NAMES, howSaid, lengthSaid, nameOf, originalSaid, settingSaid, usualSaid, wordsIn } from "../facts.js";
import { hearing, spacePlays } from "../hearing.js";
import { icon } from "../icons.js";
import { drawRoll, endOf } from "../thumb.js";
import { clockOf } from "../roll/time.js";
import { when } from "../words.js";

const LETTERS = ["A", "B"];

export async function show(root, { parts }) {
  const ids = parts.slice(0, 2).map(encodeURIComponent);
  root.classList.add("compare");
  root.append(h("div", { class: "opening" }, h("a", { class: "back", href: "#/keep" }, icon("back"), "Takes"), h("h1", {}, "Compare")));
  if (ids.length < 2) return void root.append(trouble("Two takes are needed: choose them among the takes.",
    h("a", { href: "#/keep" }, "To the takes")));
  const takes = await Promise.all(ids.map((id) => get(`/api/takes/${id}`)));
  const pieces = await Promise.all(takes.map((take) => get(`/api/takes/${take.id}/piece`)));
  if (takes[0].kind !== takes[1].kind) return void root.append(trouble("Music and words cannot be compared: choose two of one kind."),
    tableOf(takes, pieces));
  const sides = takes[0].kind === "text" ? textSides(takes, pieces) : new Sides(takes, pieces);
  root.append(sides.element, tableOf(takes, pieces));
  sides.laidOut?.();
  return () => sides.leave?.();
}

const letterOf = (at) => h("span", { class: `letter letter-${LETTERS[at]}` }, LETTERS[at]);

const headOf = (take, at) => h("header", { class: "row tight" }, letterOf(at),
  h("h2", { class: "grow" }, h("a", { href: `#/keep?take=${take.id}` }, nameOf(take))), h("span", { class: "small soft" }, lengthSaid(take)));

// Two rolls on one scale, and one place in both.
class Sides {
  constructor(takes, pieces) {
    this.takes = takes;
    this.scores = pieces.map(({ score }) => score);
    this.seconds = this.scores.map((score) => clockOf({ tempos: score.tempos, ticksPerQuarter: score.ticks_per_quarter }).seconds(endOf(score)));
    this.now = 0; // which is heard
    const { element, complain } = complaints();
    this.said = element;
    this.sounds = takes.map((take) => hearing(take, () => nameOf(take), complain));
    this.switches = takes.map((take, at) => h("button", { type: "button", "aria-pressed": "false", onclick: () => this.turn(at) },
      letterOf(at), h("span", {}, nameOf(take))));
    this.play = h("button", { type: "button", class: "button round", onclick: () => this.toggle() });
    this.clock = h("span", { class: "now numbers soft" });
    this.papers = takes.map((take) => h("div", { class: "roll", role: "img", "aria-label": `Notes of ${nameOf(take)}` },
      h("canvas", { "aria-hidden": "true" })));
    const which = h("div", { class: "segments", role: "group", "aria-label": "Which is heard" }, this.switches);
    const keys = h("span", { class: "help push" }, h("kbd", {}, "Space"), " plays, ", h("kbd", {}, "A"), " and ", h("kbd", {}, "B"),
      " switch at the same place");
    this.element = h("section", { class: "card stack compare-sides", "aria-label": "Both takes" },
      h("div", { class: "row compare-play" }, this.play, which, this.clock, keys), this.said,
      takes.map((take, at) => h("div", { class: "stack tight" }, headOf(take, at), this.papers[at])));
    this.sounds.forEach(({ player }) => ["state", "tick"].forEach((event) => player.addEventListener(event, () => this.show())));
    this.offs = [spacePlays(() => this), this.keys()];
    this.show();
  }

  // As long as they are in time; drawn once they have a size.
  laidOut() {
    const longest = Math.max(...this.seconds, 0.001);
    this.papers.forEach((paper, at) => {
      paper.style.width = `${(100 * this.seconds[at]) / longest}%`;
      this.sounds[at].showOn(paper, this.scores[at]);
      const canvas = paper.firstChild;
      new ResizeObserver(() => { if (canvas.clientWidth) drawRoll(canvas, this.scores[at]); }).observe(canvas);
    });
  }

  toggle() { return this.sounds[this.now].toggle(); }

  // The other one from the same second on, or from its end where it is shorter.
  async turn(at) {
    if (at === this.now) return;
    const [old, next] = [this.sounds[this.now].player, this.sounds[at].player], playing = old.playing, place = old.time;
    this.now = at;
    old.pause();
    this.show();
    if (!playing) return next.seek(Math.min(place, this.seconds[at]));
    await this.sounds[at].playFrom(place < this.seconds[at] ? place : 0);
  }

  keys() {
    const press = (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea")) return;
      const at = LETTERS.indexOf(event.key.toUpperCase());
      if (at < 0) return;
      event.preventDefault();
      this.turn(at);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }

  show() {
    const heard = this.sounds.findIndex(({ player }) => player.playing);
    if (heard >= 0) this.now = heard;
    const playing = heard >= 0;
    fill(this.play, icon(playing ? "pause" : "play"));
    this.play.setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${LETTERS[this.now]}, ${nameOf(this.takes[this.now])}`);
    this.switches.forEach((button, at) => button.setAttribute("aria-pressed", String(at === this.now)));
    this.papers.forEach((paper, at) => paper.classList.toggle("is-heard", at === this.now));
    this.clock.textContent = this.sounds[this.now].clock.textContent;
  }

  leave() {
    this.offs.forEach((off) => off());
    this.sounds.forEach((sound) => sound.stop());
  }
}

// Two columns of words, with what only one of them has marked.
function textSides(takes, pieces) {
  const apart = wordsApart(pieces[0].text, pieces[1].text);
  const words = (at) => (apart ? apart[at].map(([text, own]) => (own ? h("mark", {}, text) : text)) : pieces[at].text);
  return { element: h("section", { class: "compare-texts", "aria-label": "Both takes" },
    takes.map((take, at) => h("div", { class: "card stack" }, headOf(take, at), h("div", { class: "excerpt whole" }, words(at))))) };
}

function tableOf(takes, pieces) {
  const keys = Object.keys(SETTING_NAMES).filter((key) => takes.some((take) => take.settings?.[key] != null));
  const rows = [
    ["How it came to be", takes.map(howSaid)], ["When", takes.map((take) => when(take.created))], ["Model", takes.map((take) => take.model)],
    ["Length", takes.map((take) => lengthSaid(take))],
    ["Notes", pieces.map(({ score }) => score && String(score.tracks.reduce((sum, { notes }) => sum + notes.length, 0)))],
    ["Words", pieces.map(({ text }) => (text === undefined ? null : String(wordsIn(text))))],
    ["How usual the model finds it", takes.map(({ facts }) => usualSaid(facts))], ["In common with what it learned from",
      takes.map(({ facts }) => originalSaid(facts)[0])],
    ...keys.map((key) => [SETTING_NAMES[key], takes.map(({ settings }) => (settings?.[key] == null ? null : settingSaid(key, settings[key])))]),
    ["Tags", takes.map(({ tags }) => tags.join(", "))], ["Note", takes.map(({ note }) => note)],
  ].filter(([, values]) => values.some(Boolean));
  return h("section", { class: "stack compare-facts" }, h("h2", {}, "What differs"), togetherSaid(pieces),
    h("table", {}, h("thead", {}, h("tr", {}, h("td", {}), takes.map((take, at) => h("th", { scope: "col" }, letterOf(at), " ", nameOf(take))))),
    h("tbody", {}, rows.map(([name, values]) => rowOf(name, values)))));
}

function rowOf(name, values) {
  const differs = (values[0] || "") !== (values[1] || "");
  const heading = h("th", { scope: "row" }, name, differs && h("span", { class: "unseen" }, " (differs)"));
  return h("tr", { class: differs ? "differs" : "" }, heading, values.map((value) => h("td", {}, value || "–")));
}

function togetherSaid([a, b]) {
  if (!a.score || !b.score) return null;
  const { both, first, second } = notesApart(a.score, b.score);
  if (!first && !second) return h("p", {}, "All notes are the same.");
  const said = (number) => number.toLocaleString("en-GB");
  return h("p", {}, `Notes at the same places in both: ${said(both)}. Only in A: ${said(first)}. Only in B: ${said(second)}.`);
}
