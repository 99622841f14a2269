// The choice of a recipe: cards with a line each, those to begin with first. Knows the recipes as the API describes them, nothing of
// how they learn.

import { freshId, h } from "./dom.js";
import { span } from "./words.js";

// In this order, before all others; what is meant for whom is said here in plain words.
const FIRST = {
  "event-transformer": "Good for almost any music: several instruments, with bars. Begin here.",
  "musegan-small": "For four voices or instruments at once; steered afterwards by chords, style, melody and groove.",
  "performance-transformer": "For expressive piano playing, as it was played, without bars.",
  "pianoroll-lstm": "For chorales and chords, step by step on a grid.",
  "char-transformer": "Good for almost any text. Begin here.",
  "lyrics-lstm": "For lyrics, plays and scripts; goes on from a line of yours.",
  "word-transformer": "For long prose, word by word.",
};

const order = (recipe) => { const place = Object.keys(FIRST).indexOf(recipe.name); return place < 0 ? 99 : place; };
const title = (name) => name.replace(/-/g, " ").replace(/^./, (letter) => letter.toUpperCase())
  .replace(/\b(lstm|gan|gpt2|bilstm)\b/gi, (word) => ({ lstm: "LSTM", gan: "GAN", gpt2: "GPT-2", bilstm: "BiLSTM" })[word.toLowerCase()]);

function card(recipe, name, chosen, choose) {
  const id = freshId("recipe"), said = `${id}-said`;
  const needs = [recipe.minutes ? `about ${span(60 * recipe.minutes)}` : null, needed(recipe)].filter(Boolean);
  return h("label", { class: "card choice recipe", for: id },
    h("span", { class: "row tight" },
      h("input", { type: "radio", id, name, value: recipe.name, checked: chosen, "aria-describedby": said, onchange: () => choose(recipe) }),
      h("span", { class: "recipe-name" }, title(recipe.name))),
    h("span", { class: "stack tight", id: said }, h("span", { class: "soft" }, FIRST[recipe.name] ?? sentence(recipe.summary)),
      h("span", { class: "small needs" }, needs.map((need) => h("span", { class: "chip" }, need)))));
}

const needed = ({ needs }) => (Array.isArray(needs) ? needs.join(", ") : needs) || null;
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`.replace("..", ".");

// {element, get chosen()}: the recipes for a kind of corpus; `onChoice(recipe)` at once and at every choice.
export function recipeCards(recipes, kind, onChoice) {
  const fitting = recipes.filter((recipe) => !kind || recipe.kind === kind).sort((a, b) => order(a) - order(b));
  const name = freshId("recipes");
  let chosen = fitting[0] ?? null;
  const choose = (recipe) => { chosen = recipe; onChoice(recipe); };
  const cards = (some) => h("div", { class: "grid" }, some.map((recipe) => card(recipe, name, recipe === chosen, choose)));
  const first = fitting.filter((recipe) => order(recipe) < 99), others = fitting.filter((recipe) => order(recipe) === 99);
  const element = h("div", { role: "radiogroup", "aria-label": "Recipe", class: "stack" }, cards(first.length ? first : others),
    first.length > 0 && others.length > 0 && h("details", {}, h("summary", {}, `${others.length} more, for those who know what they look for`), cards(others)));
  if (chosen) onChoice(chosen);
  return { element, get chosen() { return chosen; } };
}
