// The engraved score beside the roll: follows what is saved, one page at a time. Asks the server for pictures; knows nothing of
// notes.

import { fill, h, trouble } from "../dom.js";
import { ApiError, get, say } from "../api.js";
import { iconButton } from "./toolbar.js";

const WAIT = 400; // milliseconds after a save, so that a flow of changes is engraved once

export class Sheet {
  #take = null;
  #busy = false; // a page is on its way: no second one is asked for meanwhile
  #timer = null;
  #ended = false;
  #page = 1;
  #pages = 0;

  constructor() {
    this.paper = h("div", { class: "sheet-paper" });
    this.back = iconButton("back", "Page before", () => this.#turn(-1));
    this.next = iconButton("next", "Next page", () => this.#turn(1));
    this.said = h("p", { class: "help" }); // what the engraver had to guess
    this.number = h("span", { class: "small soft numbers" });
    this.element = h("aside", { class: "edit-sheet", "aria-label": "Score" },
      h("div", { class: "sheet-head" }, h("h2", { class: "over" }, "Score"), h("div", { class: "tools" }, this.back, this.number, this.next)), this.paper, this.said);
    this.#show();
  }

  // Shows a take, or another version of it; null: there is none yet.
  follow(take) {
    this.#take = take;
    clearTimeout(this.#timer);
    if (!take) return fill(this.paper, h("p", { class: "soft small" }, "The score comes when the first notes are saved."));
    this.#timer = setTimeout(() => this.#load(), this.#pages ? WAIT : 0);
  }

  end() {
    clearTimeout(this.#timer);
    this.#ended = true;
  }

  // The newest version, once what was asked for before is there.
  async #load() {
    if (this.#busy) return;
    this.#busy = true;
    let shown;
    do {
      shown = [this.#take, this.#page];
      await this.#fetch(this.#take);
    } while (!this.#ended && (shown[0] !== this.#take || shown[1] !== this.#page));
    this.#busy = false;
  }

  async #fetch({ id, version }) {
    this.paper.classList.add("is-loading");
    if (!this.#pages) fill(this.paper, h("p", { class: "soft small", role: "status" }, "Engraving …"));
    try {
      const { pages, said = [] } = await get(`/api/takes/${id}/score`);
      const page = Math.min(this.#page, pages), image = await loaded(`/api/takes/${id}/score/${page}.svg?v=${version}`, `Score, page ${page} of ${pages}`);
      if (this.#page > pages) this.#page = page;
      this.#pages = pages;
      const open = h("button", { type: "button", class: "sheet-open", "aria-label": "Show the page larger", onclick: () => larger(image) }, image);
      fill(this.paper, open);
      this.said.textContent = said.join(" ");
    } catch (error) {
      fill(this.paper, trouble(say(error)));
    }
    this.paper.classList.remove("is-loading");
    this.#show();
  }

  #turn(by) {
    this.#page = Math.min(Math.max(this.#page + by, 1), this.#pages);
    this.#show();
    this.#load();
  }

  #show() {
    this.back.disabled = this.#page <= 1;
    this.next.disabled = this.#page >= this.#pages;
    this.back.hidden = this.next.hidden = this.#pages < 2;
    this.number.textContent = this.#pages > 1 ? `${this.#page} of ${this.#pages}` : "";
  }
}

// The same page as wide as the window; Escape or the button closes it.
const larger = ({ src, alt }) => {
  const dialog = h("dialog", { class: "sheet-large", "aria-label": "Score" },
    h("button", { type: "button", class: "button quiet small", onclick: () => dialog.close() }, "Close"), h("img", { src, alt }));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
};

// An <img> once it is there, so that the page before stays until then.
const loaded = (src, alt) => new Promise((resolve, reject) => {
  const image = h("img", { alt, src });
  image.onload = () => resolve(image);
  image.onerror = () => reject(new ApiError(500, "The score could not be drawn."));
});
