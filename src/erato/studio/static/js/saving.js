// Saves the text of a take by itself: a moment after the last change, into the take where it may be changed, else as a new take
// that comes from it. Says how it stands; where somebody else saved meanwhile it stops and asks. Knows nothing of editors.

import { get, post, put, say } from "./api.js";

const WAIT = 1200; // milliseconds after the last change

export class Saving {
  // take: null for a text that is no take yet. text(): what to save. told(state, sentence, other take): state is "saved", "saving",
  // "trouble" or "conflict". moved(take): it is saved under another take from now on.
  constructor({ take, saved, text, told, moved }) {
    Object.assign(this, { take, saved, text, told, moved });
    this.timer = null;
    this.work = Promise.resolve();
    this.halted = false;
    this.title = take?.title ?? "";
  }

  get dirty() { return this.text() !== this.saved; }

  changed() {
    clearTimeout(this.timer);
    if (this.halted) return;
    this.told(this.dirty ? "saving" : "saved");
    if (this.dirty) this.timer = setTimeout(() => this.now(), WAIT);
  }

  // Saves what is not saved; one after the other. Gives the take.
  now() {
    clearTimeout(this.timer);
    this.work = this.work.then(() => this.save());
    return this.work.then(() => this.take);
  }

  async save() {
    const text = this.text();
    if (this.halted || text === this.saved || (!this.take && !text.trim())) return;
    try {
      if (this.take?.revisable) this.take = await put(`/api/takes/${this.take.id}/piece`, { version: this.take.version, text });
      else await this.branch(text);
      this.saved = text;
      this.told(this.dirty ? "saving" : "saved");
    } catch (error) {
      if (error.status === 409) await this.conflict(error, text);
      else this.told("trouble", say(error));
    }
  }

  // A new take with the text, that comes from the one before.
  async branch(text) {
    const parent = this.take?.id;
    this.take = await post("/api/takes", { how: parent ? "edited" : "written", text, ...(parent ? { parent } : {}),
      ...(this.title ? { title: this.title } : {}) });
    this.moved(this.take);
  }

  // What comes from a take that has children meanwhile is a new take; what somebody else saved is not written over.
  async conflict(error, text) {
    const other = error.body?.take ?? (await get(`/api/takes/${this.take.id}`));
    if (other.version === this.take.version) {
      try {
        await this.branch(text);
        this.saved = text;
        return this.told(this.dirty ? "saving" : "saved");
      } catch (second) {
        return this.told("trouble", say(second));
      }
    }
    this.halted = true;
    this.told("conflict", say(error), other);
  }

  // After a conflict: what is here becomes a take of its own, beside what the other has.
  async keepMine() {
    this.halted = false;
    this.take = { ...this.take, revisable: false };
    await this.now();
  }

  // After a conflict, or when a piece was composed from it: goes on with another take and its text.
  goOn(take, text) {
    Object.assign(this, { take, saved: text, halted: false });
    this.told("saved");
  }

  // The newest text goes out when the view is left; nobody waits for it.
  leave() {
    if (this.dirty) this.now();
  }
}
