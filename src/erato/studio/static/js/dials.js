// Four dials for models that write whole phrases from chords, style, melody and groove: each keeps what a chosen take has,
// or changes it. A take and a model's parts come in, seeds for `POST /api/compose` go out. Asks the server nothing.

import { fill, h } from "./dom.js";
import { nameOf } from "./facts.js";

const PARTS = {
  chords: ["Chords", "what all instruments move through, bar by bar"],
  style: ["Style", "what all of them share through the phrase"],
  melody: ["Melody", "what each instrument plays, bar by bar"],
  groove: ["Groove", "what each instrument keeps doing"],
};
const BY_TRACK = ["melody", "groove"];

// The seed that decided `part` of a take, of one track or of all of it.
const seedOf = (take, part, track = 0) => {
  const asked = take.settings[part], own = take.facts.seed ?? take.settings.seed;
  return (Array.isArray(asked) ? asked[track] : asked) ?? own;
};

// Keep or change, as a knob that turns with it.
function choice(label, name, changed) {
  const option = (value, words) => {
    const radio = h("input", { type: "radio", name: `dial-${name}`, value });
    radio.addEventListener("change", changed);
    return [radio, h("label", {}, radio, words)];
  };
  const [keep, keepLabel] = option("keep", "Keep"), [change, changeLabel] = option("change", "Change");
  change.checked = true;
  const element = h("span", { class: "segments", role: "radiogroup", "aria-label": label }, keepLabel, changeLabel);
  return { element, kept: () => keep.checked, set: (kept) => { keep.checked = kept; change.checked = !kept; }, inputs: [keep, change] };
}

function dial(part, tracks) {
  const [name, help] = PARTS[part] ?? [part, ""], knob = h("span", { class: "knob", "aria-hidden": "true" });
  const all = choice(name, part, () => { each.forEach((one) => one.set(all.kept())); show(); });
  const each = BY_TRACK.includes(part) && tracks.length > 1
    ? tracks.map((track, at) => choice(`${name} of ${track}`, `${part}-${at}`, () => { all.set(each.every((one) => one.kept())); show(); })) : [];
  const show = () => {
    const share = each.length ? each.filter((one) => one.kept()).length / each.length : Number(all.kept());
    knob.style.setProperty("--turn", `${45 - 90 * share}deg`);
  };
  show();
  const rows = each.map((one, at) => h("div", { class: "part-track" }, h("span", {}, tracks[at]), one.element));
  const more = rows.length ? h("details", {}, h("summary", {}, "by instrument"), ...rows) : null;
  const element = h("div", { class: "part-dial" }, knob, h("h3", {}, name), all.element, h("p", { class: "help" }, help), more);
  const seeds = (take) => {
    if (all.kept()) return seedsOf(take, part);
    if (!each.some((one) => one.kept())) return undefined;
    return each.map((one, track) => (one.kept() ? seedOf(take, part, track) : null));
  };
  const inputs = [all, ...each].flatMap((one) => one.inputs);
  return { part, element, seeds, kept: () => all.kept(), enable: (can) => inputs.forEach((input) => { input.disabled = !can; }) };
}

// The seed that decided a part of a take, or the seeds, where each track had its own.
function seedsOf(take, part) {
  const asked = take.settings[part];
  return Array.isArray(asked) ? asked.map((_, track) => seedOf(take, part, track)) : seedOf(take, part);
}

// {element, values(): {part: seed or seeds}, vary(take or null), take(): the take that is varied}.
export function dialsOf(latents) {
  const dials = latents.parts.map((part) => dial(part, latents.tracks)), from = h("p", { class: "dials-from" });
  const same = h("p", { class: "help", role: "status" });
  let chosen = null;
  const warn = () => {
    const all = chosen && dials.every((one) => one.kept());
    same.textContent = all ? "All of it is kept: the same piece will come back. Change something." : "";
  };
  const vary = (take) => {
    chosen = take;
    warn();
    dials.forEach((one) => one.enable(take !== null));
    if (take) fill(from, "What is kept, is kept from ", h("strong", {}, nameOf(take)), ". ",
      h("button", { type: "button", class: "link", onclick: () => vary(null) }, "All new"));
    else fill(from, "All four are drawn anew. Compose, then choose “Vary” on the piece that you like: here you say what of it to keep.");
  };
  vary(null);
  const element = h("fieldset", { class: "dials" }, h("legend", {}, "Keep and change"), from, h("div", {}, ...dials.map((one) => one.element)), same);
  element.addEventListener("change", warn);
  const values = () => {
    const seeds = chosen ? dials.map((one) => [one.part, one.seeds(chosen)]) : [];
    return Object.fromEntries(seeds.filter(([, seed]) => seed !== undefined));
  };
  return { element, values, vary, take: () => chosen };
}
