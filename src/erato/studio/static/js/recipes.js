// The choice of a recipe: cards with a line each, in the order in which the server names them, the best to begin with
// first. Knows nothing of how recipes learn.

import { freshId, h } from "./dom.js";
import { span } from "./words.js";

const FIRST = 4; // shown at once; the others at a press

const SHORT = { lstm: "LSTM", bilstm: "BiLSTM", musegan: "MuseGAN", pianonet: "PianoNet", gpt2: "GPT-2" };

// "musegan-small" -> "MuseGAN small"
export const recipeTitle = (name) =>
  name
    .split("-")
    .map((word) => SHORT[word] ?? word)
    .join(" ")
    .replace(/^./, (letter) => letter.toUpperCase());

function card(recipe, name, first, choose) {
  const id = freshId("recipe"),
    said = `${id}-said`;
  const wants = [
    recipe.minutes && `About ${span(60 * recipe.minutes)}`,
    recipe.needs && `Wants ${recipe.needs}`,
  ].filter(Boolean);
  return h(
    "label",
    { class: "card choice recipe", for: id },
    h(
      "span",
      { class: "row tight" },
      h("input", {
        type: "radio",
        id,
        name,
        value: recipe.name,
        checked: first,
        "aria-describedby": said,
        onchange: () => choose(recipe),
      }),
      h("span", { class: "recipe-name" }, recipeTitle(recipe.name)),
      first && h("span", { class: "chip accent" }, "begin here"),
    ),
    h(
      "span",
      { class: "stack tight grow", id: said },
      h("span", { class: "grow" }, recipe.summary),
      h("span", { class: "small soft" }, wants.join(". ")),
    ),
  );
}

// {element, get chosen()}: the recipes for a kind of corpus (null: all); `onChoice(recipe)` at once and at every
// choice.
export function recipeCards(recipes, kind, onChoice) {
  const fitting = recipes.filter((recipe) => !kind || recipe.kind === kind),
    name = freshId("recipes");
  let chosen = fitting[0] ?? null;
  const choose = (recipe) => {
    chosen = recipe;
    onChoice(recipe);
  };
  const grid = (some) =>
    h(
      "div",
      { class: "grid" },
      some.map((recipe) => card(recipe, name, recipe === chosen, choose)),
    );
  const others = fitting.slice(FIRST);
  const element = h(
    "div",
    { role: "radiogroup", "aria-label": "Recipe", class: "stack" },
    grid(fitting.slice(0, FIRST)),
    others.length > 0 && h("details", {}, h("summary", {}, `${others.length} more recipes`), grid(others)),
  );
  if (chosen) onChoice(chosen);
  return {
    element,
    get chosen() {
      return chosen;
    },
  };
}
