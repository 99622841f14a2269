// The settings of composing, under plain names, each with a line that says what it does: what a model says of itself
// (`Model.composes`) comes in, a form's elements and the values for `POST /api/compose` go out. Asks the server nothing.

import { h } from "./dom.js";

const SAMPLER = {
  temperature: {
    name: "Daring", least: 0.1, most: 2, step: 0.05, usual: 1,
    help: "Low keeps to what is likeliest; high takes more risks, and wrong turns.",
    said: (value) => `${value.toFixed(2)} · ${value < 0.7 ? "careful" : value < 0.95 ? "a little careful" : value <= 1.05 ? "as it learned" : value < 1.35 ? "bold" : "wild"}`,
  },
  top_k: {
    name: "Only the likeliest", least: 0, most: 100, step: 1, usual: 0,
    help: "At each step, choose among no more than so many; everything rarer is left out.",
    said: (value) => (value === 0 ? "all may come" : `the ${value} likeliest`),
  },
  top_p: {
    name: "Trim the unlikely", least: 0.5, most: 1, step: 0.01, usual: 1,
    help: "Cuts away the rarest choices, those that together come less often than this.",
    said: (value) => (value === 1 ? "nothing cut" : `the rarest ${Math.round(100 * (1 - value))} %`),
  },
};

const LENGTHS = {
  bars: { name: "bars", usual: 8, most: 1000, help: "New bars, after what it begins with." },
  seconds: { name: "seconds", usual: 20, most: 3600, help: "New seconds, after what it begins with." },
  length: { name: "steps of the model", usual: 256, most: 100000, help: "As the model counts: a note, a chord or a moment each." },
};

const ORIGINAL = { usual: 12, least: 2, most: 200 };

export const randomSeed = () => Math.floor(Math.random() * 1e6);

let made = 0; // fields so far, for ids of their own

// A control with its name, what it stands at, and the line that says what it does.
export function field(name, control, help, output = null) {
  const id = `setting-${++made}`;
  control.id = id;
  if (help) control.setAttribute("aria-describedby", `${id}-help`);
  return h("div", { class: "setting" },
    h("div", { class: "setting-head" }, h("label", { for: id }, name), output),
    control,
    help ? h("p", { class: "setting-help", id: `${id}-help` }, help) : null);
}

// A slider; `value()` is null where it stands at what the model does of itself.
function slider(key, usual) {
  const { name, least, most, step, help, said, usual: plain } = SAMPLER[key], start = usual ?? plain;
  const output = h("output", { class: "setting-value" });
  const control = h("input", { type: "range", min: String(least), max: String(most), step: String(step), name: key });
  const show = () => {
    const value = Number(control.value), words = said(value);
    output.textContent = words;
    control.setAttribute("aria-valuetext", words);
    control.style.setProperty("--done", `${(100 * (value - least)) / (most - least)}%`);
  };
  control.addEventListener("input", show);
  const set = (value) => { control.value = String(value ?? start); show(); };
  set(start);
  return { element: field(name, control, help, output), values: () => ({ [key]: Number(control.value) }), set: (all) => set(all[key]) };
}

// How long: a number, and of what where the model counts in several ways.
function lengthField(composes) {
  const usual = composes.usual ?? {}, units = ["bars", "seconds", "length"].filter((unit) => unit === "length" || composes[unit]);
  const begin = units.find((unit) => usual[unit] != null) ?? units[0];
  const amount = h("input", { type: "number", min: "1", step: "1", required: "", name: "amount", inputmode: "numeric" });
  const unit = h("select", { name: "unit", "aria-label": "Counted in" }, ...units.map((one) => h("option", { value: one }, LENGTHS[one].name)));
  const element = field("How long", amount, LENGTHS[begin].help);
  const row = h("div", { class: "setting-row" });
  amount.replaceWith(row);
  row.append(amount, unit);
  const show = (value) => {
    amount.max = String(LENGTHS[unit.value].most);
    amount.value = String(Math.round(value ?? usual[unit.value] ?? LENGTHS[unit.value].usual));
    element.querySelector(".setting-help").textContent = LENGTHS[unit.value].help;
  };
  unit.value = begin;
  unit.addEventListener("change", () => show());
  show();
  const set = (all) => {
    const asked = units.find((one) => all[one] != null);
    if (asked) { unit.value = asked; show(all[asked]); }
  };
  return { element, values: () => ({ [unit.value]: Number(amount.value) }), set };
}

// A seed; rolled again after each composing unless it is held.
function seedField() {
  const control = h("input", { type: "number", min: "0", max: "9007199254740991", step: "1", required: "", name: "seed", inputmode: "numeric" });
  const held = h("input", { type: "checkbox", name: "held" });
  const roll = () => { control.value = String(randomSeed()); };
  const dice = h("button", { type: "button", class: "dice", "aria-label": "Roll another seed", title: "Roll another seed", onclick: roll }, "⚄");
  const element = field("Seed", control, "The same seed and settings give the same four pieces again.");
  const row = h("div", { class: "setting-row" });
  control.replaceWith(row);
  row.append(control, dice, h("label", { class: "check" }, held, "hold"));
  roll();
  return {
    element, values: () => ({ seed: Number(control.value) }), set: (all) => { if (all.seed != null) control.value = String(all.seed); },
    again: () => { if (!held.checked) roll(); },
  };
}

function originalField() {
  const wanted = h("input", { type: "checkbox", name: "original-wanted" });
  const most = h("input", {
    type: "number", class: "inline-number", min: String(ORIGINAL.least), max: String(ORIGINAL.most), value: String(ORIGINAL.usual),
    name: "original", "aria-label": "Notes in a row at most",
  });
  most.addEventListener("input", () => { wanted.checked = true; });
  const element = field("Its own, not yours", wanted, "Refuses each note that would make a longer passage that one of your pieces has.");
  const row = h("div", { class: "setting-row check" });
  wanted.replaceWith(row);
  row.append(wanted, h("span", {}, "Not more than ", most, " notes in a row from your pieces"));
  return {
    element, values: () => (wanted.checked ? { original: Number(most.value) } : {}),
    set: (all) => { wanted.checked = all.original != null; if (all.original != null) most.value = String(all.original); },
  };
}

// All settings of a model: {groups: {length, daring, original, seed}: elements, values(), set(settings), again()}.
export function settingsOf(composes) {
  const usual = composes.usual ?? {};
  const sliders = (composes.sampler ?? []).filter((key) => SAMPLER[key]).map((key) => slider(key, usual[key]));
  const length = composes.latents && !composes.bars && !composes.seconds ? null : lengthField(composes);
  const original = composes.original ? originalField() : null, seed = seedField();
  const parts = [length, ...sliders, original, seed].filter(Boolean);
  return {
    elements: parts.map((part) => part.element),
    values: () => Object.assign({}, ...parts.map((part) => part.values())),
    set: (settings) => parts.forEach((part) => part.set(settings)),
    again: seed.again,
  };
}
