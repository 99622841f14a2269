// The report of a check as a person reads it: what can be learnt from, what was left out and why. Takes the result of a
// check job; knows nothing of how it was made.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { count, span } from "./words.js";

const MOST = 200; // files listed under one reason

// Why files are left out.
const REASONS = {
  unsupported: "A kind of file that is not read here",
  empty: "Nothing inside",
  unreadable: "This computer does not let them be read",
  "too-large": "Larger than the limit",
  "not-music": "Not what the name says",
  damaged: "Breaks off or contradicts itself",
  "too-long": "Lasts longer than the limit",
  "too-many-notes": "More notes than the limit",
  "no-notes": "No note in it",
  "bad-timing": "No usable clock",
  encoding: "Not in UTF-8",
  timeout: "Took too long to read",
  crashed: "Could not be read at all",
  unsafe: "Asks for something that no piece needs",
};

// Lists by key, the longest first.
function grouped(items, key) {
  const groups = new Map();
  for (const item of items) groups.set(item[key], [...(groups.get(item[key]) ?? []), item]);
  return [...groups].sort(([, a], [, b]) => b.length - a.length);
}

const figure = (number, what) =>
  h("div", { class: "figure" }, h("dt", {}, what), h("dd", { class: "numbers" }, number));

// The sizes of things in a row, large.
function figures(report, kind) {
  const of = (number) => number.toLocaleString("en-GB");
  return h(
    "dl",
    { class: "figures" },
    figure(`${of(report.used)}`, `of ${count(report.files, "file")} can be used`),
    kind !== "text" && Number.isFinite(report.seconds) && figure(span(report.seconds), "of music"),
    kind !== "text" && Number.isFinite(report.notes) && report.notes > 0 && figure(of(report.notes), "notes"),
    (kind === "text" || !report.notes) &&
      Number.isFinite(report.characters) &&
      report.characters > 0 &&
      figure(of(report.characters), "characters"),
    figure(of(report.duplicates ?? 0), report.duplicates === 1 ? "duplicate, used once" : "duplicates, used once"),
  );
}

function instruments(found) {
  const all = Object.entries(found ?? {}).sort(([, a], [, b]) => b - a);
  if (!all.length) return null;
  const shown = all.slice(0, 12);
  return h(
    "div",
    { class: "stack tight" },
    h("h3", { class: "over" }, "Instruments"),
    h(
      "ul",
      { class: "plain row tight" },
      shown.map(([name, number]) =>
        h("li", { class: "chip" }, name, h("span", { class: "soft numbers" }, number.toLocaleString("en-GB"))),
      ),
      all.length > shown.length && h("li", { class: "chip" }, `and ${all.length - shown.length} more`),
    ),
  );
}

const listed = (items) =>
  h(
    "ul",
    { class: "files plain small" },
    items
      .slice(0, MOST)
      .map(({ file, message }) =>
        h("li", {}, message && !message.includes(file) ? `${file}: ${message}` : message || file),
      ),
    items.length > MOST && h("li", { class: "soft" }, `and ${items.length - MOST} more`),
  );

const fold = (title, items) =>
  h(
    "details",
    { class: "fold" },
    h("summary", {}, title, h("span", { class: "chip numbers" }, items.length)),
    listed(items),
  );

function leftOut(report) {
  const skipped = report.skipped ?? [],
    flagged = report.flagged ?? [];
  if (!skipped.length && !flagged.length)
    return h("p", { class: "row tight good" }, icon("check"), "Every file could be read.");
  return h(
    "div",
    { class: "stack" },
    skipped.length > 0 &&
      h(
        "div",
        {},
        h("h3", { class: "over" }, "Left out"),
        grouped(skipped, "reason").map(([reason, items]) => fold(REASONS[reason] ?? reason, items)),
      ),
    flagged.length > 0 &&
      h("div", {}, h("h3", { class: "over" }, "Used, but look at them"), fold("Something is odd about them", flagged)),
  );
}

// An element with all of it; `kind` is music or text.
export function checkReport(report, kind) {
  return h("div", { class: "stack report" }, figures(report, kind), instruments(report.instruments), leftOut(report));
}
