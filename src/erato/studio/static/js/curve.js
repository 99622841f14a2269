// Draws how a model learns: its loss on pieces it has not seen, and on those it learns from, over the time it took.
// Lines of numbers in, an SVG out. Knows nothing of where the numbers come from.

import { fill, h } from "./dom.js";
import { span } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const EDGES = { top: 12, right: 14, bottom: 30, left: 46 };

function s(tag, attributes, text = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  return element;
}

// At most `parts` round numbers from `low` to `high`.
export function ticks(low, high, parts) {
  const rough = (high - low) / parts || 1,
    power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough * (1 - 1e-9));
  const from = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - from + 1 }, (_, index) => (from + index) * step);
}

const finite = (lines, key) => lines.filter((line) => Number.isFinite(line[key]));
const briefly = (value) => value.toFixed(value < 10 ? 2 : 1);

// The time along the foot: seconds, or minutes where there are many.
const timed = (seconds, most) =>
  most < 120
    ? `${Math.round(seconds)} s`
    : most < 7200
      ? `${+(seconds / 60).toFixed(1)} min`
      : `${+(seconds / 3600).toFixed(1)} h`;
const timeTicks = (most, parts) => {
  const unit = most < 120 ? 1 : most < 7200 ? 60 : 3600;
  const whole = unit === 1 ? Math.min(parts, Math.max(1, Math.floor(most))) : parts; // no halves of seconds
  return ticks(0, most / unit, whole).map((tick) => tick * unit);
};

// One sentence on what the picture shows.
export function summary(lines, unit) {
  const valid = finite(lines, "valid_loss");
  if (!valid.length) return "Nothing has been measured yet.";
  const best = Math.min(...valid.map((line) => line.valid_loss)),
    last = valid.at(-1);
  const of = unit ? ` ${unit}` : "";
  if (valid.length === 1) return `Loss on pieces it has not seen: ${briefly(best)}${of} after ${span(last.seconds)}.`;
  const way = `from ${briefly(valid[0].valid_loss)} to ${briefly(last.valid_loss)}${of} after ${span(last.seconds)}`;
  return `Loss on pieces it has not seen: ${way}; best ${briefly(best)}.`;
}

// {element, update(lines, unit)}: lines {step, seconds, train_loss, valid_loss}, each number may be missing. `small`:
// only the line.
export function lossCurve({ small = false } = {}) {
  const svg = s("svg", { class: "curve", role: "img" }),
    readout = h("p", { class: "help numbers readout" });
  const element = small
    ? h("div", { class: "curve-box small" }, svg)
    : h("div", { class: "curve-box" }, svg, legend(), readout);
  let drawn = { lines: [], unit: "" };
  const again = () => draw(svg, drawn, small);
  new ResizeObserver(again).observe(element);
  if (!small) point(svg, readout, () => drawn);
  return {
    element,
    update(lines, unit = "") {
      drawn = { lines, unit };
      svg.setAttribute("aria-label", summary(lines, unit));
      if (!small) readout.textContent = summary(lines, unit);
      again();
    },
  };
}

const legend = () =>
  h(
    "ul",
    { class: "legend plain row small" },
    h("li", {}, h("span", { class: "swatch valid" }), "pieces it has not seen"),
    h("li", {}, h("span", { class: "swatch train" }), "pieces it learns from"),
  );

// Where the numbers lie: {x(seconds), y(loss), width, height, high, low, most}, or null where there are none.
function scales(svg, lines, small) {
  const width = svg.clientWidth,
    height = svg.clientHeight;
  const losses = lines.flatMap((line) => [line.valid_loss, line.train_loss]).filter(Number.isFinite);
  if (!losses.length || !width) return null;
  const edges = small ? { top: 6, right: 8, bottom: 6, left: 2 } : EDGES;
  const most = Math.max(...lines.map((line) => line.seconds), 1e-3);
  let low = Math.min(...losses),
    high = Math.max(...losses);
  const room = Math.max((high - low) * 0.08, 0.02);
  [low, high] = [Math.max(0, low - room), high + room];
  return {
    width,
    height,
    edges,
    low,
    high,
    most,
    x: (seconds) => edges.left + (seconds / most) * (width - edges.left - edges.right),
    y: (loss) => edges.top + ((high - loss) / (high - low)) * (height - edges.top - edges.bottom),
  };
}

const path = (lines, key, { x, y }) =>
  finite(lines, key)
    .map((line, index) => `${index ? "L" : "M"}${x(line.seconds).toFixed(1)} ${y(line[key]).toFixed(1)}`)
    .join("");

function draw(svg, { lines, unit }, small) {
  const scale = scales(svg, lines, small);
  if (!scale) return svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${scale.width} ${scale.height}`);
  svg.replaceChildren(...(small ? [] : axes(scale, unit)));
  svg.append(
    s("path", { class: "train", d: path(lines, "train_loss", scale) }),
    s("path", { class: "valid", d: path(lines, "valid_loss", scale) }),
  );
  const valid = finite(lines, "valid_loss");
  if (valid.length) svg.append(dot(valid.at(-1), "valid_loss", scale, "valid"));
  const train = finite(lines, "train_loss");
  if (train.length === 1 || (train.length && !valid.length))
    svg.append(dot(train.at(-1), "train_loss", scale, "train"));
  svg.append(
    s("line", { class: "here", y1: scale.edges.top, y2: scale.height - scale.edges.bottom, visibility: "hidden" }),
  );
}

const dot = (line, key, { x, y }, kind) =>
  s("circle", { class: `dot ${kind}`, cx: x(line.seconds), cy: y(line[key]), r: 4 });

function axes({ x, y, width, height, edges, low, high, most }, unit) {
  const foot = height - edges.bottom;
  const across = ticks(low, high, 7).flatMap((loss) => [
    s("line", { class: "grid", x1: edges.left, x2: width - edges.right, y1: y(loss), y2: y(loss) }),
    s("text", { x: edges.left - 8, y: y(loss) + 4, "text-anchor": "end" }, String(+loss.toFixed(3))),
  ]);
  const along = timeTicks(most, Math.max(2, Math.floor(width / 110))).map((seconds) =>
    s(
      "text",
      {
        x: x(seconds),
        y: foot + 20,
        "text-anchor": seconds === 0 ? "start" : x(seconds) > width - 45 ? "end" : "middle",
      },
      timed(seconds, most),
    ),
  );
  return [...across, ...along, s("title", {}, unit ? `Loss in ${unit}` : "Loss")];
}

// The numbers at the pointer.
function point(svg, readout, drawn) {
  svg.addEventListener("pointermove", (event) => {
    const { lines, unit } = drawn(),
      scale = scales(svg, lines, false);
    if (!scale) return;
    const at = event.clientX - svg.getBoundingClientRect().left;
    const near = lines.reduce((one, other) =>
      Math.abs(scale.x(other.seconds) - at) < Math.abs(scale.x(one.seconds) - at) ? other : one,
    );
    const here = svg.querySelector(".here");
    here.setAttribute("visibility", "visible");
    for (const key of ["x1", "x2"]) here.setAttribute(key, scale.x(near.seconds));
    const parts = [
      ["unseen", near.valid_loss],
      ["learnt from", near.train_loss],
    ].filter(([, loss]) => Number.isFinite(loss));
    fill(
      readout,
      `After ${span(near.seconds)}: `,
      parts.map(([name, loss]) => `${name} ${briefly(loss)}`).join(", "),
      unit ? ` ${unit}` : "",
    );
  });
  svg.addEventListener("pointerleave", () => {
    const { lines, unit } = drawn();
    svg.querySelector(".here")?.setAttribute("visibility", "hidden");
    readout.textContent = summary(lines, unit);
  });
}
