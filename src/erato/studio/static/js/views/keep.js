// The view `#/keep`: all takes as a history that branches, found by words, tag, star and model; one of them whole beside it.
// Fetches the takes and keeps them as they change; the tree, the panel and the files are elsewhere.

import { announce, fill, h, trouble } from "../dom.js";
import { get, say, withQuery } from "../api.js";
import { onBack, onTakes } from "../events.js";
import { spacePlays } from "../hearing.js";
import { historyTree } from "../history_tree.js";
import { icon } from "../icons.js";
import { nameOf } from "../facts.js";
import { exportChosen, projectFiles } from "../take_files.js";
import { takePanel } from "../take_panel.js";
import { count } from "../words.js";

const PAUSE = 200; // milliseconds after a key before the server is asked
const NOTHING = { // icon, title and words where there is none
  found: ["search", "Nothing found", "No take has all of that. Try fewer words."],
  left: ["search", "All takes are thrown away", "Tick “Thrown away, too” to see them, and bring back what you miss."],
  made: ["keep", "No takes yet", "What you compose, draw, play or bring in is kept here, with what it came from."],
};

export async function show(root, { query }) {
  const view = new History(root);
  await view.load();
  view.open(query.get("take"));
  const offs = [onTakes(() => view.load()), onBack(() => view.load()), spacePlays(() => view.panel)];
  return () => { offs.forEach((off) => off()); view.leave(); };
}

class History {
  constructor(root) {
    this.all = [];
    this.panel = null;
    this.asked = 0; // how often was looked
    this.picking = null; // the take that another one is looked for to compare with
    this.tree = historyTree({ chosen: (take, opened) => this.choose(take, opened), ticked: (ids) => this.ticked(ids) });
    this.said = h("div", {});
    this.chosenBar = h("div", { class: "chosen-bar row", hidden: true, role: "group", "aria-label": "What is chosen" });
    this.side = h("aside", { class: "keep-side", "aria-label": "The take that is chosen" });
    this.main = h("div", { class: "keep-main" });
    root.classList.add("keep");
    const lead = "Everything that you composed, played or brought in, and what came from what.";
    root.append(h("div", { class: "opening row" }, h("div", { class: "stack tight grow" }, h("h1", {}, "Takes"), h("p", { class: "lead" }, lead)),
      projectFiles(() => this.load())), this.filters(), this.said, this.main);
    this.side.addEventListener("keydown", (event) => { if (event.key === "Escape") this.close(); });
  }

  filters() {
    let timer = null;
    const later = () => { clearTimeout(timer); timer = setTimeout(() => this.look(), PAUSE); };
    const box = (name, words) => {
      this[name] = h("input", { type: "checkbox", onchange: () => this.look() });
      return h("label", { class: "check small" }, this[name], words);
    };
    this.words = h("input", { class: "input", type: "search", placeholder: "Find by title, note, tag or model",
      "aria-label": "Find takes", oninput: later });
    this.tags = h("select", { class: "input", "aria-label": "With the tag", onchange: () => this.look() });
    this.models = h("select", { class: "input", "aria-label": "Composed by", onchange: () => this.look() });
    return h("search", { class: "keep-filters row" }, h("div", { class: "grow find" }, icon("search"), this.words), this.tags,
      this.models, box("starred", "Starred"), box("gone", "Thrown away, too"));
  }

  async load() {
    try {
      this.all = (await get("/api/takes")).takes;
      await this.look();
    } catch (error) {
      fill(this.said, trouble(say(error)));
    }
  }

  // What is looked for, and what it came from, so that the tree holds together.
  async look() {
    options(this.tags, "Any tag", [...new Set(this.all.flatMap((take) => take.tags))].sort());
    options(this.models, "Any model", [...new Set(this.all.map((take) => take.model).filter(Boolean))].sort());
    const asked = { q: this.words.value.trim(), tag: this.tags.value, model: this.models.value, starred: this.starred.checked ? "true" : "" };
    const some = Object.values(asked).some(Boolean), mine = ++this.asked;
    try {
      fill(this.said);
      const found = some ? (await get(withQuery("/api/takes", asked))).takes : this.all;
      if (mine !== this.asked) return; // something else is looked for meanwhile
      this.show(found.filter((take) => this.gone.checked || take.status !== "discarded"), some);
    } catch (error) {
      fill(this.said, trouble(say(error)));
    }
  }

  show(found, some) {
    const byId = new Map(this.all.map((take) => [take.id, take])), wanted = new Map();
    for (const take of found)
      for (let one = take; one && !wanted.has(one.id); one = byId.get(one.parent)) wanted.set(one.id, one);
    if (!found.length) return this.nothing(some);
    const tree = () => h("div", { class: "keep-tree" }, this.chosenBar, this.tree.element, keys());
    if (!this.tree.element.isConnected) fill(this.main, h("div", { class: "keep-desk" }, tree(), this.side));
    const shown = [...wanted.values()].map((take) => byId.get(take.id) ?? take);
    this.tree.show(shown, new Set(found.map((take) => take.id)));
    if (some) announce(`${count(found.length, "take")} found.`);
    if (!this.panel) this.hint();
  }

  nothing(some) {
    this.close();
    const [name, title, words] = NOTHING[some ? "found" : this.all.length ? "left" : "made"];
    const ways = [["#/compose", "Compose"], ["#/edit/new", "Draw or play"], ["#/text/new", "Write"]];
    const links = ways.map(([href, label], at) => h("a", { class: at ? "button quiet" : "button", href }, label));
    fill(this.main, h("div", { class: "empty" }, icon(name), h("h2", {}, title), h("p", {}, words),
      !some && !this.all.length && h("div", { class: "row" }, links)));
  }

  hint() {
    const words = "Choose a take to hear it, name it, compare it or take its files along.";
    fill(this.side, h("div", { class: "empty" }, icon("keep"), h("p", {}, words)));
  }

  // Opens a take by its id, or the newest.
  open(id) {
    const take = this.all.find((one) => one.id === id) ?? this.tree.first();
    if (id && take?.id !== id) fill(this.said, trouble(`There is no take ${id} in this project.`));
    if (!take || !this.tree.element.isConnected) return;
    this.tree.choose(take.id);
    this.choose(take, Boolean(id));
  }

  choose(take, opened) {
    if (this.picking && opened && this.picking.id !== take.id) return void (location.hash = `#/compare/${this.picking.id}/${take.id}`);
    if (this.panel?.id !== take.id) this.showPanel(take);
    this.side.classList.toggle("is-open", opened);
  }

  showPanel(take) {
    this.panel?.stop();
    const parent = this.all.find((one) => one.id === take.parent), others = this.all.some((one) => one.kind === take.kind && one.id !== take.id);
    const made = takePanel(take, { parent, others, changed: (now) => this.replace(now), compare: (one) => this.pick(one),
      go: (id) => { this.tree.choose(id); this.tree.focus(id); this.open(id); } });
    this.panel = { id: take.id, ...made };
    const back = h("button", { type: "button", class: "button bare keep-close", onclick: () => this.close() }, icon("back"), "All takes");
    fill(this.side, back, made.element);
  }

  replace(take) {
    this.all = this.all.map((one) => (one.id === take.id ? take : one));
    this.look();
  }

  // The next take that is chosen is compared with this one.
  pick(take) {
    this.picking = take;
    this.close();
    this.ticked([]);
    announce(`Choose the take to compare ${nameOf(take)} with.`);
    this.tree.focus(take.id);
  }

  ticked(ids) {
    const button = (label, run) => h("button", { type: "button", class: "button bare small", onclick: run }, label);
    this.chosenBar.hidden = !ids.length && !this.picking;
    if (this.picking && !ids.length) {
      const words = h("span", { class: "grow" }, "Choose the take to compare ", h("strong", {}, nameOf(this.picking)), " with.");
      return void fill(this.chosenBar, words, button("Never mind", () => { this.picking = null; this.ticked([]); }));
    }
    const kinds = [...new Set(ids.map((id) => this.all.find((take) => take.id === id)?.kind))], pair = ids.length === 2 && kinds.length === 1;
    fill(this.chosenBar, h("strong", {}, `${ids.length} chosen`),
      pair && h("a", { class: "button small", href: `#/compare/${ids.join("/")}` }, "Compare"),
      h("button", { type: "button", class: "button quiet small", onclick: () => exportChosen(ids, kinds) }, icon("download"), "Export …"),
      button("Choose none", () => this.tree.untick()));
  }

  close() { this.side.classList.remove("is-open"); }

  leave() { this.panel?.stop(); }
}

const KEYS = [["↑ ↓", "walk"], ["← →", "fold"], ["Enter", "opens"], ["X", "chooses"], ["Space", "plays"]];
const keys = () => h("p", { class: "help keep-keys" }, KEYS.map(([key, does], at) => [at > 0 && ", ", h("kbd", {}, key), ` ${does}`]));

function options(select, any, values) {
  const kept = values.includes(select.value) ? select.value : "";
  fill(select, h("option", { value: "" }, any), values.map((value) => h("option", { value }, value)));
  select.value = kept;
  select.hidden = !values.length;
}
