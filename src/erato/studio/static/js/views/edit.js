// The view `#/edit/TAKE`: a piece in a piano roll, to hear and to change, with its score beside it and what a model makes of it
// under it. `#/edit/new` begins an empty piece. Puts the parts together and says how it stands with saving; what the parts do is
// theirs.

import { announce, fill, h, trouble } from "../dom.js";
import { get, say } from "../api.js";
import { fileLink } from "../download.js";
import { icon } from "../icons.js";
import { nameOf } from "../facts.js";
import { Onwards } from "../edit/onwards.js";
import { recording } from "../edit/recording.js";
import { Saver } from "../edit/saver.js";
import { selectionBar } from "../edit/selection_bar.js";
import { Sheet } from "../edit/sheet.js";
import { lookBar, toolbar } from "../edit/toolbar.js";
import { tracksOf } from "../edit/tracks.js";
import { Transport } from "../edit/transport.js";
import { listenToPointers } from "../roll/gestures.js";
import { KEYS, listenToKeys } from "../roll/keys.js";
import { boundsOf, emptyScore, fromJson } from "../roll/notes.js";
import { Roll } from "../roll/roll.js";
import { TouchSound } from "../roll/touch_sound.js";

const FORMATS = [["mid", "MIDI"], ["musicxml", "MusicXML"], ["wav", "WAV"], ["pdf", "PDF"]];

const exported = ({ id }, format) => `/api/takes/${id}/export/${format}`;

export async function show(root, { parts: [id] }) {
  if (!id) return void (location.hash = "#/edit/new");
  const fresh = id === "new";
  const [take, piece] = fresh ? [null, { kind: "music", score: emptyScore() }] : await Promise.all([get(`/api/takes/${id}`), get(`/api/takes/${id}/piece`)]);
  if (piece.kind === "text") return void location.replace(`#/text/${id}`);
  root.classList.add("broad");
  const editor = new Editor(root, take && { ...take, version: piece.version }, fromJson(piece.score));
  return () => editor.end();
}

class Editor {
  constructor(root, take, state) {
    this.root = root;
    this.roll = new Roll(state);
    this.saver = new Saver(take, state);
    this.transport = new Transport(this.roll, this.saver);
    this.touchSound = new TouchSound();
    this.onwards = new Onwards(this.roll, this.saver);
    this.sheet = new Sheet();
    this.said = h("div", { class: "edit-said" }); // what did not work
    this.unsaved = h("div", { class: "edit-said" }); // why something is not saved, and what can be done
    this.record = recording(this.roll, (sentence) => this.#complain(sentence), () => { if (!this.saver.take) this.saver.how = "recorded"; });
    this.#build();
    this.#wire();
    this.sheet.follow(take);
    this.roll.view.fit(boundsOf(state.notes));
    if (!take) this.roll.set({ tool: "draw", grid: "1/8" });
  }

  #build() {
    const { roll, root } = this, { element } = roll.view;
    element.setAttribute("role", "application");
    element.setAttribute("aria-roledescription", "piano roll");
    element.setAttribute("aria-label", "Piano roll. Tab goes from note to note, arrows move them, Escape and then Tab leaves.");
    this.title = h("h1", {});
    this.state = h("p", { class: "edit-state small", role: "status" });
    this.links = FORMATS.map(([format, name]) => this.#export(format, name));
    this.exports = h("details", { class: "edit-exports" }, h("summary", { class: "button quiet small" }, icon("download"), "Export"),
      h("ul", { class: "plain card" }, this.links.map((link) => h("li", {}, link))));
    this.hint = h("p", { class: "edit-hint soft" }, "Draw with the pencil: press and drag to the right. Or press Record and play a MIDI keyboard.");
    root.append(
      h("header", { class: "edit-head" }, h("a", { class: "back", href: "#/keep", "aria-label": "Back to all takes" }, icon("back"), "Takes"),
        h("div", { class: "grow" }, this.title), this.state, this.record.button, this.exports),
      this.unsaved, this.said,
      h("div", { class: "edit-desk" },
        h("section", { class: "edit-main", "aria-label": "Notes" },
          h("div", { class: "edit-board" }, toolbar(roll, this.transport), h("div", { class: "edit-tracks" }, tracksOf(roll), lookBar(roll, this.touchSound)),
            h("div", { class: "edit-roll" }, element, this.hint), selectionBar(roll)),
          keysHelp()),
        this.sheet.element),
      this.onwards.element);
    this.#showTake();
    this.#showState();
  }

  #wire() {
    const { roll, saver, transport } = this;
    roll.addEventListener("change", () => this.#changed());
    roll.addEventListener("touch", ({ detail }) => transport.playing || this.touchSound.sound(detail));
    roll.addEventListener("selection", () => this.onwards.aim());
    transport.addEventListener("time", () => transport.playing || this.onwards.aim());
    transport.addEventListener("state", () => this.#complain(transport.sentence));
    saver.addEventListener("state", () => this.#showState());
    saver.addEventListener("take", () => this.#moved());
    const giveUp = listenToPointers(roll, transport);
    this.offKeys = listenToKeys(roll, transport, this.root, giveUp, () => { saver.flush().catch(() => {}); });
  }

  #changed() {
    this.hint.hidden = this.roll.state.notes.length > 0;
    this.saver.change(this.roll.state);
  }

  // There is another take or version: the address and the score follow.
  #moved() {
    const { take } = this.saver;
    if (this.root.isConnected) {
      history.replaceState(null, "", `#/edit/${take.id}`);
      this.#complain("");
      this.#showTake();
      this.sheet.follow(take);
    }
  }

  #showTake() {
    const { take } = this.saver;
    this.title.textContent = take ? nameOf(take) : "A new piece";
    if (this.root.isConnected) document.title = `${this.title.textContent} · Erato`;
    this.hint.hidden = this.roll.state.notes.length > 0;
    this.exports.hidden = !take;
    this.roll.view.show({ mark: take?.facts.new_from || null });
    if (take) this.links.forEach((link, at) => { link.href = exported(take, FORMATS[at][0]); });
  }

  // What is exported is what is seen: it is saved first.
  #export(format, name) {
    const before = async () => exported(await this.saver.flush(), format);
    return fileLink({}, { complain: (sentence) => this.#complain(sentence), before }, name);
  }

  // ---- how it stands with saving

  #showState() {
    const { state, take } = this.saver, { revisable } = take || {};
    const words = {
      saved: !take ? "Nothing to save yet" : revisable ? "Saved" : "As it was; your first change becomes a take of its own",
      waiting: "Not saved yet", saving: "Saving …", failed: "Not saved", conflict: "Not saved", empty: "A piece without notes is not saved",
    };
    this.state.textContent = words[state];
    this.state.dataset.state = state;
    if (state === "failed") fill(this.unsaved, trouble(`Not saved: ${this.saver.sentence} What you changed is here still; do not close this page.`));
    else if (state === "conflict") this.#showConflict();
    else if (state !== "saving") fill(this.unsaved);
  }

  #showConflict() {
    fill(this.unsaved, trouble("This piece was changed in another tab while you changed it here. Nothing is lost; which one is to go on?",
      h("div", { class: "row tight" },
        h("button", { type: "button", class: "button small", onclick: () => this.#keepMine() }, "Keep mine as a new take"),
        h("button", { type: "button", class: "button quiet small", onclick: () => this.#loadTheirs() }, "Load theirs"))));
  }

  async #keepMine() {
    try {
      await this.saver.keepMine();
      announce("Yours is a take of its own now.");
    } catch { /* said by the saver */ }
  }

  // Theirs comes as a step after ours, so that undo brings ours back.
  async #loadTheirs() {
    try {
      const { take, score } = await this.saver.theirs(), state = fromJson(score);
      this.saver.takeTheirs(take, state);
      this.roll.act(state, new Set());
      announce("Theirs is loaded. Undo brings yours back.");
    } catch (error) {
      this.#complain(say(error));
    }
  }

  #complain(sentence) {
    fill(this.said, sentence && trouble(sentence));
  }

  end() {
    this.record.end();
    this.offKeys();
    this.transport.end();
    this.onwards.end();
    this.sheet.end();
    this.touchSound.end();
    this.roll.end();
    this.saver.leave();
  }
}

const keysHelp = () => h("details", { class: "edit-keys small" }, h("summary", {}, "Keys"),
  h("dl", {}, KEYS.map(([key, does]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)))));
