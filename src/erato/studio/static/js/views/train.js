// The way to a new model: without a corpus in the address, the choice of one; with one, what can be read of it and the
// settings of a training. Knows nothing of the training itself: that is model.js.

import { fill, h, put, trouble } from "../dom.js";
import { icon } from "../icons.js";
import { get } from "../api.js";
import { CheckPanel } from "../check_panel.js";
import { chooseCorpus } from "../choose_corpus.js";
import { corpusTitle, measured } from "../corpora.js";
import { TrainingForm } from "../training_form.js";
import { sentence } from "../words.js";

export async function show(root, { parts: [corpus] }) {
  return corpus ? settings(root, corpus) : chooseCorpus(root);
}

async function settings(root, id) {
  put(root, h("a", { class: "back", href: "#/train" }, icon("back"), "Choose something else"));
  const [{ corpora }, studio] = await Promise.all([get("/api/corpora"), get("/api/studio")]);
  const corpus = corpora.find((one) => one.id === id);
  if (!corpus) return gone(root);
  const lead = sentence(corpus.origin === "builtin" ? corpus.summary : measured(corpus)),
    rest = h("div");
  // What came with Erato can be trained on unread; of a person's own files something must be of use.
  const form = (kind) => {
    if (!rest.firstChild) put(rest, new TrainingForm(corpus, studio.recipes, kind).element);
  };
  const panel = new CheckPanel(corpus, (result) =>
    result.used ? form(corpus.kind ?? result.kind ?? "music") : fill(rest),
  );
  put(root, h("header", { class: "opening" }, h("h1", {}, corpusTitle(corpus)), h("p", { class: "lead" }, lead)));
  put(root, h("div", { class: "stack wide" }, panel.element, rest));
  if (corpus.origin === "builtin") form(corpus.kind);
  panel.check();
  return () => panel.end();
}

function gone(root) {
  const back = h("p", {}, h("a", { class: "button quiet", href: "#/train" }, "Choose something else"));
  put(
    root,
    h("h1", {}, "This music is no longer here"),
    trouble("It was removed, or belongs to another project.", back),
  );
  return null;
}
