// Going on from what is edited: a model continues from a bar on, or composes the rest again; its four pieces come under the roll.
// Sends jobs; how a round of pieces looks, and how a piece is saved first, is elsewhere.

import { fill, freshId, h, trouble } from "../dom.js";
import { get, post, say } from "../api.js";
import { heard } from "../events.js";
import { icon } from "../icons.js";
import { endOf } from "../roll/notes.js";
import { barAt, barStart, clockOf } from "../roll/time.js";
import { roundOf } from "../round.js";
import { count } from "../words.js";

const NUMBER = 4; // pieces at once
const USUAL = 8; // bars
const MOST = 64;
const SEEDS = 1e6;

// How long the new part is to be, in what the model counts: `bars` bars from bar `from` of a piece.
export const lengthFor = ({ composes }, state, from, bars) => {
  if (composes.bars) return { bars };
  const { seconds } = clockOf(state), long = seconds(barStart(state, from + bars)) - seconds(barStart(state, from));
  return composes.seconds ? { seconds: Math.max(1, Math.round(long)) } : { length: composes.usual?.length ?? 256 };
};

// The last bar with notes in it; 0 where there is none.
export const lastBar = (state) => (state.notes.length ? barAt(state, endOf(state) - 1).bar : 0);

export class Onwards {
  #models = [];
  #rounds = [];

  constructor(roll, saver) {
    this.roll = roll;
    this.saver = saver;
    const bar = freshId("bar"), model = freshId("model"), bars = freshId("bars");
    this.bar = h("input", { type: "number", class: "input", id: bar, min: "2", value: "2", inputmode: "numeric", oninput: () => { this.chosen = true; this.#show(); } });
    this.bars = h("input", { type: "number", class: "input", id: bars, min: "1", max: String(MOST), value: String(USUAL), inputmode: "numeric", oninput: () => this.#show() });
    this.model = h("select", { class: "input", id: model, onchange: () => this.#show() });
    this.go = h("button", { type: "button", class: "button", onclick: () => this.#send(Number(this.bars.value)) }, icon("next"), h("span", {}));
    this.again = h("button", { type: "button", class: "button quiet", onclick: () => this.#send(this.#rest()) }, icon("redo"), h("span", {}));
    this.more = h("a", {});
    this.help = h("p", { class: "help" });
    this.said = h("div", {});
    this.list = h("div", { class: "stack wide" });
    this.form = h("div", { class: "onwards-form" },
      h("div", { class: "field grow" }, h("label", { for: model }, "With"), this.model),
      h("div", { class: "field" }, h("label", { for: bar }, "From bar"), this.bar),
      h("div", { class: "field" }, h("label", { for: bars }, "New bars"), this.bars),
      h("div", { class: "row tight" }, this.go, this.again));
    this.element = h("section", { class: "edit-onwards card stack", "aria-labelledby": "onwards-title" },
      h("h2", { id: "onwards-title" }, "Go on from here"), this.form, this.help, this.said, this.list);
    for (const event of ["change", "selection"]) roll.addEventListener(event, () => this.#show());
    this.#begin();
  }

  // A bar that the person pointed at.
  aim() {
    const { roll } = this, pointed = roll.selection.size > 0 || roll.playhead > 0;
    if (!this.chosen) this.bar.value = String(Math.max(2, Math.min(pointed ? roll.barAtHand() : Infinity, lastBar(roll.state) + 1)));
    this.#show();
  }

  end() { this.#rounds.forEach((round) => round.stop()); }

  async #begin() {
    try {
      const { models } = await get("/api/models");
      this.#models = models.filter(({ kind, state, composes }) => kind === "music" && state === "ready" && composes?.prompt);
    } catch (error) {
      fill(this.said, trouble(say(error)));
    }
    fill(this.model, this.#models.map(({ id, name }) => h("option", { value: id }, name)));
    const usual = this.#models.find(({ id }) => id === this.saver.take?.model) || this.#models.find(({ composes }) => composes.bars);
    if (usual) this.model.value = usual.id;
    this.form.hidden = !this.#models.length;
    this.aim();
  }

  get #chosenModel() { return this.#models.find(({ id }) => id === this.model.value); }

  // Bars from the chosen one to the end of the piece.
  #rest() { return Math.min(MOST, lastBar(this.roll.state) - Number(this.bar.value) + 1); }

  #show() {
    const from = Number(this.bar.value), last = lastBar(this.roll.state), rest = this.#rest(), bars = Number(this.bars.value);
    const right = from >= 2 && from <= last + 1 && last >= 1, words = (button, text) => { button.lastChild.textContent = text; };
    this.bar.max = String(last + 1);
    words(this.go, `Continue from bar ${from}`);
    words(this.again, `Compose again from bar ${from} on`);
    this.go.disabled = !right || !(bars >= 1 && bars <= MOST);
    this.again.disabled = !right || rest < 1;
    this.help.textContent = this.#helpFor(from, last, rest);
    this.more.textContent = this.#models.length ? "More settings" : "Train a model";
    this.more.href = this.#models.length ? `#/compose?take=${this.saver.take?.id ?? ""}&bar=${from}` : "#/train";
    if (!this.#models.length || (right && this.saver.take)) this.help.append(" ", this.more);
  }

  #helpFor(from, last, rest) {
    if (!this.#models.length) return "No model that continues music is ready yet: train one first, then this piece can be its beginning.";
    if (last < 1) return "Draw or play a first bar; the model goes on from there.";
    if (!(from >= 2 && from <= last + 1)) return `The piece has ${count(last, "bar")}: choose from 2 to ${last + 1}.`;
    const kept = from === 2 ? "Bar 1 is" : `Bars 1 to ${from - 1} are`, made = `Four pieces come back, beside this one, which stays as it is.`;
    return `${kept} what the model hears first.${rest >= 1 ? ` “Compose again” writes ${count(rest, "bar")}, as many as stand there now.` : ""} ${made}`;
  }

  async #send(bars) {
    const model = this.#chosenModel, from = Number(this.bar.value);
    fill(this.said);
    this.go.disabled = this.again.disabled = true;
    try {
      const take = await this.saver.flush();
      const length = lengthFor(model, this.roll.state, from, bars);
      const job = await post("/api/compose", {
        model: model.id, n: NUMBER, seed: Math.floor(Math.random() * SEEDS), ...length, prompt: { take: take.id, to_bar: from - 1 }, parent: take.id,
      });
      heard(job);
      const round = roundOf(job);
      this.#rounds.unshift(round);
      this.list.prepend(round);
      round.scrollIntoView({ block: "nearest" });
    } catch (error) {
      fill(this.said, trouble(say(error)));
    }
    this.#show();
  }
}
