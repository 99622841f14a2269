// Keeps what is edited: a second after the last change it goes to the server, as a new version of the take, or, where the take
// must stay as it is, as a child of it. Nothing is lost when that fails: it is said, and tried again. Knows what a state and a
// take are, nothing of the page.
//
// Events: "state" (see `state` and `sentence`), "take" (there is another take or version of it).

import { ApiError, get, post, put, say } from "../api.js";
import { toJson } from "../roll/notes.js";

const WAIT = 1000; // milliseconds after the last change
const RETRIES = [2000, 4000, 8000, 15000, 30000];
const BUSY = new Set([0, 408, 429, 500, 502, 503, 504, 507]); // what may go better by itself

export class Saver extends EventTarget {
  state = "saved"; // saved, waiting, saving, failed, conflict, empty
  sentence = ""; // why it failed
  #kept; // the state of the piece that the server has
  #wanted;
  #timer = null;
  #running = null;
  #tries = 0;
  #left = false;

  // `take` is null for a piece that is not there yet; `how` says what such a piece becomes ("drawn", "recorded").
  constructor(take, piece) {
    super();
    this.take = take;
    this.how = "drawn";
    this.#kept = this.#wanted = piece;
  }

  get unsaved() { return this.#wanted !== this.#kept && this.#wanted.notes.length > 0; }

  // There is another state of the piece.
  change(piece) {
    this.#wanted = piece;
    if (this.state === "conflict") return this.#guard();
    if (!piece.notes.length) return this.#tell("empty");
    if (!this.unsaved) return this.#tell("saved");
    if (!this.#running) this.#tell("waiting");
    this.#later(WAIT);
  }

  // Saves at once what is not saved; gives the take. Rejects where that is not possible.
  async flush() {
    clearTimeout(this.#timer);
    if (!this.#wanted.notes.length) throw new ApiError(409, "There are no notes yet: draw some first.");
    if (this.state === "conflict") throw new ApiError(409, "This piece was changed in another tab: choose first which one goes on.");
    while (this.unsaved) await (this.#running ??= this.#save().finally(() => { this.#running = null; }));
    return this.take;
  }

  // The view is left: goes on alone until all is saved; what another tab changed meanwhile is kept beside it.
  leave() {
    this.#left = true;
    if (this.state === "conflict") this.keepMine().catch(() => {});
    else if (this.unsaved) this.#try();
  }

  // After a conflict: what is here becomes a take of its own.
  async keepMine() {
    this.#tell("saving");
    try {
      await this.#add(this.#wanted);
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  // After a conflict: the piece as the other tab saved it, which is now what is edited: {take, score}.
  async theirs() {
    const [take, piece] = await Promise.all([get(`/api/takes/${this.take.id}`), get(`/api/takes/${this.take.id}/piece`)]);
    return { take: { ...take, version: piece.version }, score: piece.score };
  }

  takeTheirs(take, piece) {
    this.#kept = this.#wanted = piece;
    this.#took(take);
    this.#tell("saved");
  }

  #later(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#try(), milliseconds);
  }

  async #try() {
    try {
      await this.flush();
    } catch { /* said by #failed */ }
  }

  async #save() {
    const piece = this.#wanted;
    this.#tell("saving");
    try {
      if (this.take?.revisable) await this.#revise(piece);
      else await this.#add(piece);
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  async #add(piece) {
    const { id, title } = this.take || {}, from = id ? { how: "edited", parent: id, ...(title ? { title } : {}) } : { how: this.how };
    this.#done(await post("/api/takes", { ...from, score: toJson(piece) }), piece);
  }

  async #revise(piece) {
    try {
      this.#done(await put(`/api/takes/${this.take.id}/piece`, { version: this.take.version, score: toJson(piece) }), piece);
    } catch (error) {
      const now = error.status === 409 ? error.body?.take : null;
      if (!now || now.revisable || now.version !== this.take.version) throw error;
      this.take = now; // something was made from it meanwhile: it stays as it is
      await this.#add(piece);
    }
  }

  #done(take, piece) {
    this.#tries = 0;
    this.#kept = piece;
    this.#took(take);
    this.#tell(this.unsaved ? "waiting" : "saved");
  }

  #took(take) {
    this.take = take;
    this.dispatchEvent(new Event("take"));
  }

  #failed(error) {
    if (error.status === 409) {
      this.#tell("conflict");
      if (this.#left) this.keepMine().catch(() => {});
      return;
    }
    this.#tell("failed", say(error));
    if (!BUSY.has(error.status)) return;
    this.#later(RETRIES[Math.min(this.#tries, RETRIES.length - 1)]);
    this.#tries += 1;
  }

  #tell(state, sentence = "") {
    this.state = state;
    this.sentence = sentence;
    this.#guard();
    this.dispatchEvent(new Event("state"));
  }

  // As long as something is not saved, the browser asks before it closes the page.
  #guard() {
    if (this.unsaved) addEventListener("beforeunload", this.#ask);
    else removeEventListener("beforeunload", this.#ask);
  }

  #ask = (event) => event.preventDefault();
}
