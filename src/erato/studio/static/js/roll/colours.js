// The colours of notes: those that the style sheet calls --track-0 to --track-7, paler for soft notes. Style sheet in,
// colours out; knows nothing of scores.

const USUAL = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4d4d4d", "#f0e442"];
export const SHADES = 8; // how many strengths of one colour there are

const pen = document.createElement("canvas").getContext("2d");

// [red, green, blue] of any colour that a style sheet may hold; of `usual` where it is none.
const rgb = (colour, usual) => {
  pen.fillStyle = usual;
  if (colour) pen.fillStyle = colour;
  const found = /^#(..)(..)(..)$/.exec(pen.fillStyle);
  return found ? found.slice(1).map((two) => parseInt(two, 16)) : rgb(usual, "#000000");
};

const mixed = (colour, other, share) => {
  const parts = colour.map((part, at) => Math.round(part * share + other[at] * (1 - share)));
  return `rgb(${parts.join(" ")})`;
};

// The shade of a velocity, 0 to SHADES - 1.
export const shadeOf = (velocity) => Math.min(SHADES - 1, Math.floor((Math.min(velocity, 127) * SHADES) / 128));

// {fills: [track][shade], edges: [track], ...} as the page of `element` looks now; colours come round after eight tracks.
export const coloursOf = (element) => {
  const style = getComputedStyle(element), named = (name, usual) => rgb(style.getPropertyValue(name).trim(), usual);
  const paper = named("--card", "#ffffff"), ink = named("--ink", "#1d1d1f");
  const bases = USUAL.map((usual, at) => named(`--track-${at}`, usual));
  const shades = (base) => Array.from({ length: SHADES }, (_, at) => mixed(base, paper, 0.35 + (0.65 * (at + 1)) / SHADES));
  const light = paper[1] > ink[1], whites = light ? paper : paper.map((part, at) => part * 0.2 + ink[at] * 0.8);
  const plain = (name, usual) => mixed(named(name, usual), paper, 1);
  return {
    fills: bases.map(shades),
    edges: bases.map((base) => mixed(base, ink, 0.6)),
    paper: mixed(paper, paper, 1), ink: mixed(ink, ink, 1),
    soft: plain("--soft", "#5f5f68"), line: plain("--line", "#e2ded6"), accent: plain("--accent", "#00568a"),
    shaded: mixed(named("--paper", "#f7f5f1"), paper, 0.85), beat: mixed(named("--line", "#e2ded6"), paper, 0.6),
    bar: mixed(named("--soft", "#5f5f68"), paper, 0.45),
    ivory: mixed(whites, whites, 1), ebony: mixed(light ? ink : paper, whites, 0.88), onIvory: mixed(light ? ink : paper, whites, 0.72),
    font: style.getPropertyValue("--sans") || "sans-serif",
  };
};

// Calls `f` when the page turns dark or light; gives a function that ends it.
export const onLook = (f) => {
  addEventListener("theme", f);
  return () => removeEventListener("theme", f);
};
