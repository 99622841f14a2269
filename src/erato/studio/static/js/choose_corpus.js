// The first step to a new model: drop music or words here, choose a folder of this computer, or take what is here
// already. Knows how files get to the server, nothing of what is in them.

import { announce, fill, h, put, trouble } from "./dom.js";
import { icon } from "./icons.js";
import { del, get, post, say } from "./api.js";
import { onBack } from "./events.js";
import { corpusGroups } from "./corpora.js";
import { bar } from "./jobs.js";
import { fromDrop, fromInput, Sending } from "./dropped.js";
import { folderChooser } from "./folders.js";
import { count, size } from "./words.js";

const LARGEST = 10 * 2 ** 20; // bytes, where the studio does not say

const go = (corpus) => {
  location.hash = `#/train/${encodeURIComponent(corpus.id)}`;
};

export async function chooseCorpus(root) {
  const here = h("section", { class: "stack", "aria-labelledby": "here-title" }),
    folders = h("section", { class: "stack", "aria-labelledby": "folders-title" });
  const zone = new Zone();
  put(
    root,
    h(
      "header",
      { class: "opening" },
      h("h1", {}, "What shall it learn from?"),
      h(
        "p",
        { class: "lead" },
        "A few dozen pieces in one style are enough to begin with; more is better. They stay on this computer.",
      ),
    ),
    h("div", { class: "stack wide" }, zone.element, folders, here),
  );
  const load = () => fetched(zone, folders, here);
  await load();
  const off = onBack(load);
  return () => {
    off();
    zone.end();
  };
}

async function fetched(zone, folders, here) {
  try {
    const [studio, { corpora }] = await Promise.all([get("/api/studio"), get("/api/corpora")]);
    zone.largest = studio.limits?.file_bytes ?? LARGEST;
    fill(
      folders,
      h("h2", { id: "folders-title" }, "A folder of this computer"),
      folderChooser(studio.folders ?? [], go),
    );
    showCorpora(here, corpora);
  } catch (error) {
    fill(here, trouble(say(error)));
  }
}

function showCorpora(section, corpora) {
  fill(section, h("h2", { id: "here-title" }, "Or what is here already"), corpusGroups(corpora));
}

// Where files are dropped; while they are on their way it shows how far they are.
class Zone {
  constructor() {
    this.largest = LARGEST;
    this.element = h("section", { class: "zone", "aria-label": "Your own files" });
    for (const name of ["dragenter", "dragover"])
      this.element.addEventListener(name, (event) => {
        event.preventDefault();
        this.element.classList.add("over-it");
      });
    for (const name of ["dragleave", "drop"])
      this.element.addEventListener(name, (event) => {
        if (name === "drop" || !this.element.contains(event.relatedTarget)) this.element.classList.remove("over-it");
      });
    this.element.addEventListener("drop", (event) => this.drop(event));
    this.ask();
  }

  end() {
    this.sending?.stop();
  }

  // The question, and what went wrong before.
  ask(...before) {
    const input = (attributes, label, look) => {
      const field = h("input", {
        type: "file",
        class: "unseen",
        multiple: true,
        tabindex: "-1",
        "aria-hidden": "true",
        ...attributes,
        onchange: () => this.take(fromInput(field), field),
      });
      return [field, h("button", { type: "button", class: `button ${look}`, onclick: () => field.click() }, label)];
    };
    fill(
      this.element,
      before,
      icon("folder"),
      h("h2", {}, "Drop a folder of music here"),
      h("p", { class: "soft" }, "MIDI, MusicXML, ABC, Humdrum, or plain text; folders within folders, too."),
      h(
        "div",
        { class: "row center" },
        input({ webkitdirectory: true, dataset: { choose: "folder" } }, [icon("folder"), "Choose a folder"], ""),
        input({ dataset: { choose: "files" } }, "Choose files", "quiet"),
      ),
    );
  }

  async drop(event) {
    event.preventDefault();
    if (this.sending) return;
    try {
      await this.take(await fromDrop(event.dataTransfer));
    } catch {
      this.ask(trouble("This browser could not read what was dropped: try “Choose a folder”."));
    }
  }

  async take({ name, files }, field = null) {
    if (field) field.value = ""; // the same choice once more is a choice, too
    if (!files.length)
      return this.ask(trouble(name ? `There are no files in “${name}”.` : "There were no files in that."));
    const called = name || (files.length === 1 ? files[0].path.replace(/\.[^.]*$/, "") : "My music");
    try {
      const corpus = await post("/api/corpora", { name: called.slice(0, 100) });
      this.sending = new Sending(corpus.id, files, this.largest);
      this.corpus = corpus;
      await this.send();
    } catch (error) {
      this.sending = null;
      this.ask(trouble(say(error)));
    }
  }

  async send() {
    const { sending, corpus } = this;
    this.showSending();
    try {
      await sending.send();
    } catch (error) {
      return this.broken(error);
    }
    this.sending = null;
    if (sending.stopped) return undefined;
    if (!sending.sent) {
      this.forget(corpus);
      return this.ask(trouble("None of these files could be taken.", refusals(sending.refused)));
    }
    if (!sending.refused.length) return go(corpus);
    return fill(
      this.element,
      icon("check"),
      h("h2", {}, `${count(sending.sent, "file")} taken`),
      h(
        "div",
        { class: "trouble" },
        h(
          "div",
          { class: "grow stack" },
          h("p", {}, `${count(sending.refused.length, "file")} could not be taken.`),
          refusals(sending.refused),
        ),
      ),
      h("a", { class: "button", href: `#/train/${encodeURIComponent(corpus.id)}` }, "Go on with the others"),
    );
  }

  showSending() {
    const { sending, corpus } = this,
      progress = bar("Files on their way"),
      said = h("p", { class: "soft numbers" });
    const show = () => {
      progress.update(sending.whole ? sending.bytes / sending.whole : 1);
      said.textContent = `${sending.sent} of ${count(sending.count, "file")}, ${size(sending.bytes)}`;
    };
    sending.addEventListener("progress", show);
    show();
    announce(`Taking ${count(sending.count, "file")}.`);
    fill(
      this.element,
      icon("upload"),
      h("h2", {}, `Taking “${corpus.name}”`),
      h("div", { class: "sending stack tight" }, progress.element, said),
      h("button", { type: "button", class: "button bare", onclick: () => this.cancel() }, "Cancel"),
    );
  }

  broken(error) {
    const again = h("button", { type: "button", class: "button", onclick: () => this.send() }, "Go on");
    const cancel = h("button", { type: "button", class: "button bare", onclick: () => this.cancel() }, "Cancel");
    fill(
      this.element,
      trouble(
        say(error),
        h("p", { class: "soft" }, `${this.sending.sent} of ${count(this.sending.count, "file")} are there.`),
      ),
      h("div", { class: "row center" }, again, cancel),
    );
  }

  // What is there already goes, too.
  cancel() {
    this.sending.stop();
    this.sending = null;
    this.forget(this.corpus);
    this.ask();
  }

  forget(corpus) {
    del(`/api/corpora/${encodeURIComponent(corpus.id)}`).catch(() => {});
  }
}

const refusals = (refused) =>
  h(
    "details",
    {},
    h("summary", {}, "Which, and why"),
    h(
      "ul",
      { class: "files plain small" },
      refused.map(({ path, why }) => h("li", {}, `${path}: ${why}`)),
    ),
  );
