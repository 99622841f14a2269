// The start: the models that are here, with how they learnt and a sample to hear; the corpora; and what to do where
// there is nothing yet. Knows nothing of how anything is trained or composed.

import { fill, h, put, trouble } from "../dom.js";
import { icon } from "../icons.js";
import { del, get, say } from "../api.js";
import { onBack, onJob, hasEnded } from "../events.js";
import { openDialog } from "../dialog.js";
import { tell } from "../messages.js";
import { lossCurve } from "../curve.js";
import { sampleCard } from "../samples.js";
import { corpusGroups } from "../corpora.js";
import { recipeTitle } from "../recipes.js";

const STATES = { training: ["accent", "learning now"], unfinished: ["", "unfinished"], damaged: ["bad", "damaged"] };

export async function show(root) {
  const stops = [];
  const opening = h(
    "header",
    { class: "opening" },
    h("h1", {}, "New music from music that you love"),
    h(
      "p",
      { class: "lead" },
      "Erato learns from your own pieces, or your own words, and writes new ones with you. All stays on this computer.",
    ),
  );
  const models = h("section", { class: "stack", "aria-labelledby": "models-title" }),
    corpora = h("section", { class: "stack corpora", "aria-labelledby": "corpora-title" });
  put(root, opening, h("div", { class: "stack wide" }, models, corpora));
  const load = async () => {
    while (stops.length) stops.pop()();
    await Promise.all([showModels(models, stops), showCorpora(corpora)]);
  };
  await load();
  const offs = [
    onBack(load),
    onJob((job) => {
      if (job.kind === "train" && hasEnded(job)) load();
    }),
  ];
  return () => {
    for (const off of [...offs, ...stops]) off();
  };
}

async function showModels(section, stops) {
  let models;
  try {
    ({ models } = await get("/api/models"));
  } catch (error) {
    return fill(section, h("h2", { id: "models-title" }, "Your models"), trouble(say(error)));
  }
  if (!models.length) return fill(section, welcome());
  const sorted = [...models].sort(
    (a, b) => (b.state === "ready") - (a.state === "ready") || (b.created ?? 0) - (a.created ?? 0),
  );
  fill(
    section,
    h(
      "div",
      { class: "row" },
      h("h2", { id: "models-title" }, "Your models"),
      h("a", { class: "button push", href: "#/train" }, icon("plus"), "Train a new one"),
    ),
    h(
      "div",
      { class: "grid models" },
      sorted.map((model) => modelCard(model, stops)),
    ),
  );
}

const welcome = () =>
  h(
    "div",
    { class: "empty welcome" },
    icon("compose"),
    h("h2", { id: "models-title" }, "Begin with a folder of yours"),
    h(
      "p",
      {},
      "Give Erato a folder of MIDI or MusicXML files, or of texts. " +
        "It reads them, learns from them for some minutes, and then composes with you.",
    ),
    h(
      "ol",
      { class: "plain row steps" },
      ["Choose music", "Let it learn", "Compose together"].map((step, index) =>
        h("li", {}, h("span", { class: "numbers" }, index + 1), step),
      ),
    ),
    h("a", { class: "button large", href: "#/train" }, "Train on my music"),
    h("p", { class: "small" }, "No music at hand? Take what came with Erato, below."),
  );

function modelCard(model, stops) {
  const [kind, state] = STATES[model.state] ?? [];
  const title = `#/model/${encodeURIComponent(model.id)}`;
  const picture = h("div", { class: "model-picture" }),
    sample = h("div", { class: "model-sample" });
  const card = h(
    "article",
    { class: "card model stack", "aria-label": model.name },
    picture,
    h(
      "div",
      { class: "stack tight" },
      h(
        "div",
        { class: "row tight" },
        h("h3", {}, h("a", { href: title }, model.name)),
        state && h("span", { class: `chip ${kind}` }, state),
      ),
      h("p", { class: "soft small" }, about(model)),
    ),
    model.state === "damaged" && h("p", { class: "small" }, model.why || "Its folder cannot be read."),
    sample,
    h(
      "div",
      { class: "row model-foot" },
      model.state === "ready" &&
        h("a", { class: "button", href: `#/compose/${encodeURIComponent(model.id)}` }, icon("compose"), "Compose"),
      h(
        "a",
        { class: "button bare", href: title, "aria-label": `More about ${model.name}` },
        model.state === "training" ? "Watch it learn" : "How it learnt",
      ),
    ),
  );
  if (model.state === "damaged") picture.remove();
  else
    seen(card, () => {
      curve(model, picture);
      hear(model, sample, stops);
    });
  return card;
}

const about = (model) =>
  [model.recipe && recipeTitle(model.recipe), model.corpus && `learnt from ${model.corpus}`].filter(Boolean).join(", ");

// Only what comes into sight is asked for.
function seen(element, then) {
  const watcher = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      then();
    },
    { rootMargin: "200px" },
  );
  watcher.observe(element);
}

async function curve(model, picture) {
  const small = lossCurve({ small: true });
  fill(picture, small.element);
  try {
    const { lines, unit } = await get(`/api/models/${encodeURIComponent(model.id)}/metrics`);
    if (lines.length) small.update(lines, unit);
    else fill(picture, h("p", { class: "soft small" }, "Nothing measured yet"));
  } catch (error) {
    fill(picture, h("p", { class: "soft small" }, say(error)));
  }
}

async function hear(model, place, stops) {
  if (!model.samples) return;
  try {
    const { samples } = await get(`/api/models/${encodeURIComponent(model.id)}/samples`);
    if (!samples.length) return;
    const card = sampleCard(
      model.id,
      samples.at(-1),
      model.kind === "text" ? `Words by ${model.name}` : `A sample of ${model.name}`,
      true,
    );
    stops.push(card.stop);
    fill(place, card.element);
  } catch (error) {
    fill(place, h("p", { class: "soft small" }, say(error)));
  }
}

async function showCorpora(section) {
  let corpora;
  try {
    ({ corpora } = await get("/api/corpora"));
  } catch (error) {
    return fill(
      section,
      error.status !== 0 && [h("h2", { id: "corpora-title" }, "Music to learn from"), trouble(say(error))],
    );
  } // once is enough
  fill(
    section,
    h("h2", { id: "corpora-title" }, "Music and words to learn from"),
    corpusGroups(corpora, (corpus) => remove(corpus, () => showCorpora(section))),
  );
}

// Asks first; a folder of the person's is never touched, only no longer listed.
function remove(corpus, again) {
  const said =
    corpus.origin === "folder"
      ? "It is only taken off this list; the folder itself stays as it is."
      : "The copies that you dropped here are deleted. Models that learnt from them stay.";
  const yes = async () => {
    dialog.close();
    try {
      await del(`/api/corpora/${encodeURIComponent(corpus.id)}`);
      again();
    } catch (error) {
      tell(say(error), { kind: "bad" });
    }
  };
  const dialog = openDialog(
    `Remove ${corpus.name}?`,
    h("p", {}, said),
    h(
      "div",
      { class: "row" },
      h("button", { type: "button", class: "button danger", onclick: yes }, "Remove"),
      h("button", { type: "button", class: "button quiet", autofocus: true, onclick: () => dialog.close() }, "Keep it"),
    ),
  );
}
