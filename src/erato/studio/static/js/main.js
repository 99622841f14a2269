// The page around the views: which view the address names, the navigation, the colours, and whether the studio answers.
// Knows nothing of what a view shows: a view is a module with `show(root, parameters)`, which gives what undoes it.

import { announce, fill, h, trouble } from "./dom.js";
import { icon } from "./icons.js";
import { AWAY, say } from "./api.js";
import { connect, onBack, onHere } from "./events.js";
import { isDark, switchTheme } from "./theme.js";
import { showJobs } from "./jobs.js";

// The first part of the address -> its module, and the place in the navigation that it belongs to.
const VIEWS = {
  "": ["start", "start"],
  train: ["train", "train"],
  model: ["model", "train"],
  compose: ["compose", "compose"],
  edit: ["edit", "keep"],
  text: ["text", "keep"],
  keep: ["keep", "keep"],
  compare: ["compare", "keep"],
};

let root = document.getElementById("view");
let leave = null; // what undoes the view that is shown
let failed = false; // it did not open
let answers = true; // the studio, as far as is known
let turn = 0; // how many views were asked for; an older one that comes late is dropped

// `#/compose/m1?bar=5` -> ["compose", {parts: ["m1"], query}]
function address() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...parts] = path.split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return [name, { parts: parts.filter(Boolean), query: new URLSearchParams(query) }];
}

async function go(first = false) {
  const [name, parameters] = address();
  const mine = ++turn;
  leave?.();
  leave = null;
  failed = false;
  // A new root a view: what an older view still has in hand goes nowhere.
  const fresh = h("main", { id: "view", tabindex: "-1", class: "loading" });
  root.replaceWith(fresh);
  root = fresh;
  mark(VIEWS[name]?.[1]);
  scrollTo(0, 0);
  if (!VIEWS[name]) return lost(first);
  try {
    const view = await import(`./views/${VIEWS[name][0]}.js`);
    const undo = await view.show(fresh, parameters);
    if (mine !== turn) return undo?.();
    leave = undo ?? null;
  } catch (error) {
    if (mine !== turn) return;
    failed = true;
    fill(
      fresh,
      h("h1", {}, "This did not open"),
      trouble(answers ? say(error) : AWAY, h("p", {}, h("a", { class: "button quiet", href: "#/" }, "To the start"))),
    );
  }
  arrived(fresh, first);
}

// The others are fetched as soon as there is nothing else to do: then they are there while the studio is not.
function fetchAll() {
  for (const [name] of Object.values(VIEWS)) import(`./views/${name}.js`).catch(() => {}); // else when it is opened
}

function lost(first) {
  fill(
    root,
    h(
      "div",
      { class: "empty" },
      icon("search"),
      h("h1", {}, "There is no such page"),
      h("p", {}, "The address may be old or mistyped."),
      h("a", { class: "button", href: "#/" }, "To the start"),
    ),
  );
  arrived(root, first);
}

// The title is that of the view; a screen reader hears it, and the focus begins there.
function arrived(view, first) {
  view.classList.remove("loading");
  const heading = view.querySelector("h1");
  const title = heading?.textContent ?? "";
  document.title = title && title !== "Erato" ? `${title} · Erato` : "Erato";
  if (first) return;
  announce(title);
  if (!heading || view.contains(document.activeElement)) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

function mark(place) {
  for (const link of document.querySelectorAll("[data-place]"))
    if (link.dataset.place === place) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
}

function dress() {
  document.querySelector(".brand").prepend(icon("lyre"));
  for (const link of document.querySelectorAll("[data-place]")) link.prepend(icon(link.dataset.place));
  const button = document.getElementById("theme");
  const show = () => {
    fill(button, icon(isDark() ? "sun" : "moon"));
    button.setAttribute("aria-pressed", String(isDark()));
  };
  button.addEventListener("click", switchTheme);
  addEventListener("theme", show);
  show();
  document.querySelector("[data-skip]").addEventListener("click", (event) => {
    event.preventDefault();
    root.focus();
  });
}

function watch() {
  onBack(() => {
    if (failed) go();
  });
  const away = document.getElementById("away");
  onHere((here) => {
    away.hidden = answers = here;
    if (here) announce("The studio is there again.");
    else
      fill(
        away,
        "The studio is not running; start it with ",
        h("code", {}, "erato studio"),
        ". This page goes on by itself then.",
      );
  });
}

// What is dropped beside the place for it would be opened by the browser instead of the page.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());

dress();
watch();
showJobs(document.getElementById("jobs"));
addEventListener("hashchange", () => go());
go(true).then(() => setTimeout(fetchAll, 300));
connect();
