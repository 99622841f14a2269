// Corpora as cards that lead to a training on them. Knows corpora as the API describes them, nothing of what is in
// their files.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { count, firstSentence, sentence, size } from "./words.js";

// Those that came with Erato are named like files: "bach-chorales" -> "Bach chorales".
export const corpusTitle = ({ name, origin }) =>
  origin === "builtin" ? sentence(name.replace(/-/g, " ")).slice(0, -1) : name;

// How much it is, where nobody says it in words.
export const measured = (corpus) =>
  [
    corpus.origin === "folder" && "a folder on this computer",
    Number.isFinite(corpus.files) && count(corpus.files, "file"),
    Number.isFinite(corpus.bytes) && corpus.bytes > 0 && size(corpus.bytes),
  ]
    .filter(Boolean)
    .join(", ");

// A list of cards; `remove(corpus)`, where it is given, makes a button of its own.
export const corpusCards = (corpora, remove = null) =>
  h(
    "ul",
    { class: "grid plain corpora" },
    corpora.map((corpus) =>
      h(
        "li",
        { class: "card choice corpus" },
        h(
          "span",
          { class: "row tight" },
          icon(corpus.kind === "text" ? "words" : "compose"),
          h("a", { class: "corpus-name", href: `#/train/${encodeURIComponent(corpus.id)}` }, corpusTitle(corpus)),
        ),
        h("p", { class: "soft small" }, corpus.origin === "builtin" ? firstSentence(corpus.summary) : measured(corpus)),
        remove &&
          h(
            "button",
            {
              type: "button",
              class: "button bare small remove",
              "aria-label": `Remove ${corpus.name}`,
              title: "Remove",
              onclick: () => remove(corpus),
            },
            icon("trash"),
          ),
      ),
    ),
  );

// Corpora in groups with headings: the person's own first.
export function corpusGroups(corpora, remove = null) {
  const groups = [
    ["Yours", (one) => one.origin !== "builtin", remove],
    ["Music that came with Erato", (one) => one.origin === "builtin" && one.kind !== "text", null],
    ["Words that came with Erato", (one) => one.origin === "builtin" && one.kind === "text", null],
  ];
  return groups
    .map(([title, fits, may]) => [title, corpora.filter(fits), may])
    .filter(([, some]) => some.length)
    .map(([title, some, may]) =>
      h("div", { class: "stack corpus-group" }, h("h3", { class: "over" }, title), corpusCards(some, may)),
    );
}
