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

export function lengthSaid(facts) {
  const parts = [];
  if (facts.bars) parts.push(count(facts.bars, "bar"));
  if (facts.seconds) parts.push(clock(facts.seconds));
  return parts.join(", ");
}

export function wordsIn(text) {
  return text.match(/\S+/g)?.length ?? 0;
}

// How usual the model finds it; null where the model gives no likelihood.
export function usualSaid(facts, kind = "music") {
  if (facts.nats_per_note != null) return `${number(facts.nats_per_note)} nats a note`;
  if (facts.log_prob == null || !facts.symbols) return null;
  return `${number(-facts.log_prob / facts.symbols)} nats a ${kind === "text" ? "sign" : "step"}`;
}

function placeSaid(bars) {
  if (!Array.isArray(bars) || !bars.length) return typeof bars === "string" ? `, bars ${bars}` : "";
  const [first, last] = [bars[0], bars[bars.length - 1]];
  return first === last ? `, bar ${first}` : `, bars ${first}–${last}`;
}

// The longest passage that it has in common with a piece that was learned from; null where nobody looked.
export function originalSaid(facts) {
  const found = facts.originality;
  if (!found) return null;
  if (found.said) return found.said;
  if (!found.longest) return "nothing in common with your pieces";
  return `${count(found.longest, "note")} in common with ${found.source ?? "a piece it learned from"}${placeSaid(found.bars)}`;
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
