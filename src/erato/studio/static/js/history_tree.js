// The history of takes as a tree that branches, for eye, mouse and keys: takes come in, rows with lines beside them go out.
// Knows how takes are drawn and walked along; what happens with one that is chosen is its caller's.

import { fill, h } from "./dom.js";
import { rowsOf } from "./history_lines.js";
import { howSaid, lengthSaid, nameOf } from "./facts.js";
import { icon } from "./icons.js";
import { when } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const LANE = 18, HEIGHT = 56, MIDDLE = HEIGHT / 2; // pixels, of a line and of a row
const WIDEST = 8; // lanes that are drawn apart; deeper ones share the last

// {element, show(takes, {matched}), choose(id), focus(id)}. `chosen(take, opened)` when one is chosen, opened by a click or Enter;
// `ticked(ids)` when the set of those that are ticked changes; `matched`: ids that are looked for, others are drawn pale.
export function historyTree({ chosen, ticked }) {
  const element = h("div", { class: "history", role: "tree", "aria-label": "History of takes" }), closed = new Set(), ticks = new Set();
  let takes = [], matched = null, current = null, rows = [];

  function show(newest, looked = null) {
    [takes, matched] = [newest, looked];
    for (const id of [...ticks]) if (!takes.some((take) => take.id === id)) ticks.delete(id);
    draw();
  }

  function draw() {
    const hadFocus = element.contains(document.activeElement) && document.activeElement.closest("[role=treeitem]") === document.activeElement;
    rows = rowsOf(takes, closed);
    if (!rows.some(({ take }) => take.id === current)) current = null;
    fill(element, rows.map(item));
    const stop = current ?? rows[0]?.take.id;
    for (const node of element.children) node.tabIndex = node.dataset.take === stop ? 0 : -1;
    if (hadFocus) nodeOf(stop)?.focus({ preventScroll: true });
  }

  const nodeOf = (id) => [...element.children].find((node) => node.dataset.take === id);

  function item(row) {
    const { take } = row, dim = matched && !matched.has(take.id);
    const tick = h("input", { type: "checkbox", tabindex: "-1", "aria-label": `Choose ${nameOf(take)}`, checked: ticks.has(take.id),
      onchange: () => tickOne(take.id, tick.checked) });
    const node = h("div", {
      class: `history-row ${take.status}${dim ? " is-dim" : ""}`, role: "treeitem", dataset: { take: take.id }, "aria-level": row.level,
      "aria-posinset": row.place, "aria-setsize": row.siblings, "aria-selected": String(take.id === current),
      "aria-expanded": row.children ? String(!closed.has(take.id)) : null,
      "aria-label": [nameOf(take), howSaid(take), lengthSaid(take), take.starred && "starred",
        take.status === "discarded" && "thrown away", ...take.tags].filter(Boolean).join(", "),
    }, linesOf(row), h("span", { class: "history-words" },
      h("span", { class: "history-name" }, nameOf(take), take.starred && icon("starred")),
      h("span", { class: "small soft" }, [howSaid(take), lengthSaid(take), when(take.created)].filter(Boolean).join(" · "))),
    h("span", { class: "history-tags" }, take.status === "offered" && h("span", { class: "chip accent" }, "undecided"),
      take.tags.map((tag) => h("span", { class: "chip" }, tag))),
    row.children > 0 && closed.has(take.id) && h("span", { class: "chip" }, `+${below(take.id)}`), tick);
    node.addEventListener("click", (event) => {
      if (event.target === tick) return;
      if (event.target.closest(".history-lines") && row.children) toggle(take.id);
      choose(take.id, true);
    });
    return node;
  }

  // How many come from a take, over all generations.
  function below(id) {
    const own = takes.filter((take) => take.parent === id);
    return own.reduce((sum, take) => sum + 1 + below(take.id), 0);
  }

  function tickOne(id, on) {
    if (on) ticks.add(id);
    else ticks.delete(id);
    ticked([...ticks]);
  }

  function toggle(id, close = !closed.has(id)) {
    if (close) closed.add(id);
    else closed.delete(id);
    draw();
  }

  function choose(id, opened = false, tell = true) {
    current = id;
    for (const node of element.children) {
      node.setAttribute("aria-selected", String(node.dataset.take === id));
      node.tabIndex = node.dataset.take === id ? 0 : -1;
    }
    const row = rows.find(({ take }) => take.id === id);
    if (row && tell) chosen(row.take, opened);
  }

  function go(row) {
    if (!row) return;
    choose(row.take.id);
    nodeOf(row.take.id).focus();
  }

  element.addEventListener("keydown", (event) => {
    const node = event.target.closest("[role=treeitem]");
    if (!node || event.ctrlKey || event.altKey || event.metaKey) return;
    const at = rows.findIndex(({ take }) => take.id === node.dataset.take), { take, level, children } = rows[at], { key } = event;
    if (key === "ArrowDown") go(rows[at + 1]);
    else if (key === "ArrowUp") go(rows[at - 1]);
    else if (key === "Home") go(rows[0]);
    else if (key === "End") go(rows.at(-1));
    else if (key === "ArrowRight") {
      if (children && closed.has(take.id)) toggle(take.id, false);
      else if (children) go(rows.find((row) => row.take.parent === take.id));
    } else if (key === "ArrowLeft") {
      if (children && !closed.has(take.id)) toggle(take.id, true);
      else if (level > 1) go(rows.find((row) => row.take.id === take.parent));
    } else if (key === "Enter") choose(take.id, true);
    else if (key === "x") { tickOne(take.id, !ticks.has(take.id)); draw(); }
    else return;
    event.preventDefault();
  });

  const untick = () => { ticks.clear(); draw(); ticked([]); };
  return { element, show, untick, choose: (id) => choose(id, false, false), first: () => rows[0]?.take ?? null, focus: (id) => nodeOf(id)?.focus() };
}

// The lines beside a row, and its node: those that pass by, the one that it comes from and the one that goes on.
function linesOf({ take, lane, through, from, straight }) {
  const place = (at) => LANE / 2 + LANE * Math.min(at, WIDEST - 1), x = place(lane);
  const svg = document.createElementNS(SVG, "svg");
  const width = LANE * (Math.min(lane, WIDEST - 1) + 1);
  for (const [name, value] of Object.entries({ class: "history-lines", width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`,
    "aria-hidden": "true" })) svg.setAttribute(name, value);
  const path = (d, style = "") => {
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", d);
    if (style) line.setAttribute("class", style);
    svg.append(line);
  };
  for (const other of through) if (place(other) < x) path(`M${place(other)} 0V${HEIGHT}`);
  if (from === lane) path(`M${x} 0V${MIDDLE}`);
  else if (from !== null) path(`M${place(from)} 0C${place(from)} ${MIDDLE} ${place(from)} ${MIDDLE} ${x} ${MIDDLE}`);
  if (straight) path(`M${x} ${MIDDLE}V${HEIGHT}`);
  path(`M${x - 5} ${MIDDLE}a5 5 0 1 0 10 0 5 5 0 1 0 -10 0z`, `node ${take.how}`);
  return svg;
}
