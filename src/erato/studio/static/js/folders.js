// Goes through the folders of this computer that the person allowed when the studio was started. Asks for the names of
// one folder at a time; knows nothing of what is in the files.

import { fill, h, trouble } from "./dom.js";
import { icon } from "./icons.js";
import { get, post, say, withQuery } from "./api.js";
import { count } from "./words.js";

const MOST = 300; // folders shown of one

// An element; `chosen(corpus)` once a folder was taken.
export function folderChooser(folders, chosen) {
  if (!folders.length)
    return h(
      "p",
      { class: "soft" },
      "Large collections need not be copied: start the studio with ",
      h("code", {}, "erato studio --folder ~/Music"),
      " and choose within that folder here.",
    );
  const inside = h("div", { class: "stack", "aria-live": "polite" });
  const open = (folder, path) => show(inside, folder, path, open, chosen);
  return h(
    "div",
    { class: "card stack folders" },
    folders.length > 1 &&
      h(
        "div",
        { class: "row tight" },
        folders.map(({ name }) =>
          h(
            "button",
            { type: "button", class: "button quiet small", onclick: () => open(name, "") },
            icon("folder"),
            name,
          ),
        ),
      ),
    inside,
    folders.length === 1 ? (open(folders[0].name, ""), null) : null,
  );
}

async function show(inside, folder, path, open, chosen) {
  let found;
  try {
    found = await get(withQuery("/api/folders", { folder, path }));
  } catch (error) {
    return fill(
      inside,
      trouble(
        say(error),
        h("button", { type: "button", class: "button quiet small", onclick: () => open(folder, "") }, "To the top"),
      ),
    );
  }
  const steps = path.split("/").filter(Boolean),
    said = h("div");
  const take = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      chosen(await post("/api/corpora/folders", { folder, path: found.path ?? path }));
    } catch (error) {
      fill(said, trouble(say(error)));
      button.disabled = false;
    }
  };
  const crumb = (name, to) =>
    h("button", { type: "button", class: "button bare small", onclick: () => open(folder, to) }, name);
  return fill(
    inside,
    h(
      "nav",
      { class: "row tight crumbs", "aria-label": "Folders" },
      crumb(folder, ""),
      steps.map((step, index) => [
        h("span", { "aria-hidden": "true" }, "/"),
        crumb(step, steps.slice(0, index + 1).join("/")),
      ]),
    ),
    h(
      "ul",
      { class: "plain inner" },
      found.folders
        .slice(0, MOST)
        .map((name) =>
          h(
            "li",
            {},
            h(
              "button",
              { type: "button", class: "button bare", onclick: () => open(folder, [...steps, name].join("/")) },
              icon("folder"),
              name,
            ),
          ),
        ),
      found.folders.length > MOST &&
        h("li", { class: "soft small" }, `and ${found.folders.length - MOST} more folders`),
    ),
    said,
    h(
      "div",
      { class: "row" },
      h("button", { type: "button", class: "button quiet", onclick: take }, "Learn from this folder"),
      h("span", { class: "soft" }, `${count(found.files, "file")} directly in it; those in its folders count, too`),
    ),
  );
}
