// The settings of composing, under plain names, each with a line that says what it does: what a model says of itself
// (`Model.composes`) comes in, a form's elements and values for `POST /api/compose` go out. Asks the server nothing.

import { freshId, h } from "./dom.js";

const LEVELS = [[0.7, "careful"], [0.95, "a little careful"], [1.05, "as it learned"], [1.35, "bold"], [Infinity, "wild"]];

const SAMPLER = {
  temperature: {
    name: "Daring", least: 0.1, most: 2, step: 0.05, plain: 1,
    help: "Low keeps to what is likeliest; high takes risks, and wrong turns.",
    said: (value) => `${value.toFixed(2)}, ${LEVELS.find(([to]) => value <= to)[1]}`,
  },
  top_k: {
    name: "Only the likeliest", least: 0, most: 100, step: 1, plain: 0,
    help: "At each step it chooses among no more than so many; rarer ones are left out.",
    said: (value) => (value === 0 ? "all may come" : `${value} to choose from`),
  },
  top_p: {
    name: "Trim the unlikely", least: 0.5, most: 1, step: 0.01, plain: 1,
    help: "Cuts off the rarest choices: those that together come less often than this.",
    said: (value) => (value === 1 ? "nothing cut off" : `the rarest ${Math.round(100 * (1 - value))} %`),
  },
};

const STEPS = { music: "A step is what the model counts: a chord, a note or a moment.",
  text: "A step is what the model counts: a letter, or a piece of a word." };
const LENGTHS = {
  bars: { name: "bars", usual: 8, most: 1000, help: "New bars, after what it begins with." },
  seconds: { name: "seconds", usual: 20, most: 3600, help: "New seconds, after what it begins with." },
  length: { name: "steps", usual: 256, most: 100000 },
};
const ORIGINAL = { usual: 12, least: 2, most: 200 };
const MOST_SEED = 999999; // that the dice roll: easy to write down

// A control under its name with a line of help. `beside`: what stands in one row with it.
export function field(name, control, help, ...beside) {
  const id = control.id = freshId("setting");
  control.setAttribute("aria-describedby", `${id}-help`);
  return h("div", { class: "field" }, h("label", { for: id }, name), h("div", { class: "row tight setting-row" }, control, beside),
    h("p", { class: "help", id: `${id}-help` }, help));
}

const numeral = (name, least, most, value = null) => h("input", {
  type: "number", class: "input short", name, min: least, max: most, step: "1", required: true, inputmode: "numeric", value,
});

export function slider(key, usual) {
  const { name, least, most, step, help, said, plain } = SAMPLER[key], start = usual ?? plain, id = freshId("setting");
  const output = h("output", { for: id });
  const control = h("input", { type: "range", id, name: key, min: least, max: Math.max(most, start), step, "aria-describedby": `${id}-help` });
  const show = () => {
    const words = output.textContent = said(Number(control.value));
    control.setAttribute("aria-valuetext", words);
    control.style.setProperty("--done", `${(100 * (control.value - least)) / (control.max - least)}%`);
  };
  control.addEventListener("input", show);
  const set = (settings) => { control.value = settings[key] ?? start; show(); };
  set({});
  const element = h("div", { class: "dial" }, h("label", { for: id }, name), output, control, h("p", { class: "help", id: `${id}-help` }, help));
  return { element, values: () => ({ [key]: Number(control.value) }), set };
}

// How much: a number, and of what, where the model counts in several ways.
export function lengthField(composes, kind) {
  const usual = composes.usual ?? {}, units = Object.keys(LENGTHS).filter((unit) => composes[unit]);
  const amount = numeral("amount", 1, 1), unit =
    h("select", { class: "input", name: "unit", "aria-label": "Counted in" }, units.map((one) => h("option", { value: one }, LENGTHS[one].name)));
  const element = field("How long", amount, "", unit), help = element.querySelector(".help");
  const show = (value) => {
    const { most, help: words = STEPS[kind] } = LENGTHS[unit.value];
    amount.max = most;
    amount.value = Math.round(value ?? usual[unit.value] ?? LENGTHS[unit.value].usual);
    help.textContent = words;
  };
  unit.value = units.find((one) => usual[one] != null) ?? units[0];
  unit.addEventListener("change", () => show());
  show();
  const set = (settings) => {
    const asked = units.find((one) => settings[one] != null);
    if (!asked) return;
    unit.value = asked;
    show(settings[asked]);
  };
  return { element, values: () => ({ [unit.value]: Number(amount.value) }), set };
}

export const randomSeed = () => Math.floor(Math.random() * (MOST_SEED + 1));

// A seed; another one is rolled after each composing, unless it is held.
function seedField(dice) {
  const control = numeral("seed", 0, Number.MAX_SAFE_INTEGER, randomSeed()), held = h("input", { type: "checkbox", name: "held" });
  const roll = () => { control.value = randomSeed(); };
  const element = field("Seed", control, "The same seed with the same settings gives the same pieces again. Hold it to hear what a setting changes.",
    h("button", { type: "button", class: "button quiet round small", "aria-label": "Roll another seed", title: "Roll another seed",
      onclick: roll }, dice),
    h("label", { class: "check" }, held, "Hold"));
  const set = (settings) => { if (settings.seed != null) control.value = settings.seed; };
  return { element, values: () => ({ seed: Number(control.value) }), set, again: () => { if (!held.checked) roll(); } };
}

function originalField() {
  const wanted = h("input", { type: "checkbox", name: "original-wanted", "aria-label": "Refuse longer passages from your pieces" });
  const most = numeral("original", ORIGINAL.least, ORIGINAL.most, ORIGINAL.usual);
  most.addEventListener("input", () => { wanted.checked = true; });
  const element = field("Not copied", most,
    "Each note that would make a longer passage of one of your pieces is refused. People's pieces share some, too.");
  const row = element.querySelector(".setting-row");
  row.prepend(wanted, h("span", {}, "Not more than"));
  row.append(h("span", {}, "notes in a row from your pieces"));
  const set = (settings) => {
    wanted.checked = settings.original != null;
    if (wanted.checked) most.value = settings.original;
  };
  return { element, values: () => (wanted.checked ? { original: Number(most.value) } : {}), set };
}

// All settings of a model: {elements, more: elements that may be folded away, values(), set(settings), again()}.
export function settingsOf(composes, kind, dice) {
  const usual = composes.usual ?? {},
    sliders = Object.keys(SAMPLER).filter((key) => composes.sampler?.includes(key)).map((key) => slider(key, usual[key]));
  const seed = seedField(dice), first = [lengthField(composes, kind), ...sliders.slice(0, 1)];
  const rest = [...sliders.slice(1), ...(composes.original ? [originalField()] : []), seed], all = [...first, ...rest];
  return {
    elements: first.map((part) => part.element), more: rest.map((part) => part.element),
    values: () => Object.assign({}, ...all.map((part) => part.values())),
    set: (settings) => all.forEach((part) => part.set(settings)),
    again: seed.again,
  };
}
