// What is said of a take in words: takes and their facts as the API gives them come in, short sentences go out.
// Knows nothing of elements, requests and views.

import { clock, count } from "./words.js";

const HOW = {
  composed: "composed", imported: "brought in", edited: "edited", drawn: "drawn", recorded: "played in", written: "written",
};

// Settings of a job under their plain names, in the order in which they are shown.
export const SETTING_NAMES = {
  temperature: "Daring", top_k: "Only the likeliest", top_p: "Trim the unlikely", bars: "Bars", seconds: "Seconds",
  length: "Steps", original: "Notes in a row at most", seed: "Seed", chords: "Chords", style: "Style", melody: "Melody",
  groove: "Groove",
};

const number = (value, digits = 2) => Number(value).toLocaleString("en-GB", { maximumFractionDigits: digits });

export function howSaid(take) {
  return HOW[take.how] ?? take.how;
}

// The name that a person gave, else one by which it can be told from the others.
export function nameOf(take) {
  return take.title || `Take ${take.number}`;
}

// How long it is; of a piece that goes on from a prompt, what is new of it.
export function lengthSaid({ facts, settings }, seconds = facts.seconds) {
  const bars = facts.bars && (settings?.prompt ? count(facts.bars, "new bar") : count(facts.bars, "bar"));
  return [bars, seconds && clock(seconds), facts.characters && count(facts.characters, "character")].filter(Boolean).join(", ");
}

export function wordsIn(text) {
  return text.match(/\S+/g)?.length ?? 0;
}

// How usual the model finds it; null where the model gives no likelihood.
export function usualSaid(facts) {
  if (facts.nats_per_note != null) return `${number(facts.nats_per_note)} nats a note`;
  return facts.log_prob == null || !facts.symbols ? null : `${number(-facts.log_prob / facts.symbols)} nats a symbol`;
}

// [in few words, in a sentence] what it has in common with the pieces that the model learned from; [null, null] where nobody looked.
export function originalSaid({ originality: found }) {
  if (!found) return [null, null];
  if (found.longest == null) return ["not known", found.said ?? found.why ?? null];
  const short = found.longest ? `${found.longest} ${found.unit ?? "notes"} in a row at most` : "nothing";
  return [short, found.said ?? (found.source ? `As in ${found.source}.` : "No piece has any passage of it.")];
}

export function settingSaid(name, value) {
  if (value == null) return "as usual";
  if (name === "top_k" && value === 0) return "all";
  if (name === "top_p" && value === 1) return "nothing";
  if (Array.isArray(value)) return value.map((one) => one ?? "its own").join(", ");
  return typeof value === "number" && !Number.isInteger(value) ? number(value, 3) : String(value);
}

// [[plain name, value said]] of the settings that a take was asked for with.
export function settingsSaid(settings) {
  const known = Object.keys(SETTING_NAMES).filter((name) => settings[name] != null);
  return known.map((name) => [SETTING_NAMES[name], settingSaid(name, settings[name])]);
}
