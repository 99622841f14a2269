// A take as a card: its notes or its words, its sound, its score on demand, what is known of it in plain words, and what can
// be done with it. Fetches the piece of the take; what an action does is its caller's.

import { complaints, fill, h, put } from "./dom.js";
import { get, say } from "./api.js";
import { icon } from "./icons.js";
import { hearing } from "./hearing.js";
import { drawRoll } from "./thumb.js";
import { factsOf } from "./take_facts.js";
import { howSaid, lengthSaid, nameOf } from "./facts.js";
import { scoreOf } from "./sheets.js";

const EXCERPT = 600; // letters of a text that a card shows

// Actions: [{label, icon?, href? or run(take, button)?, main?, pressed?}]. The element has `.take` (the newest it was given),
// `.update(take)`, `.toggle()`, which plays or pauses, and `.stop()`. heading: the tag of its title; title: an element in its place;
// brief: without what it was asked for with; plain: without facts and score.
export function takeCard(take, { actions = [], heading = "h3", brief = false, plain = false, title = null } = {}) {
  const { element: said, complain } = complaints(), buttons = h("div", { class: "row tight take-actions" });
  const name = h(heading, { class: "take-name" }), how = h("p", { class: "small soft" });
  const element = h("article", { class: "card take", dataset: { take: take.id } });
  element.take = take;
  const sound = take.kind === "music" ? hearing(take, () => nameOf(element.take), complain) : null;
  const picture = take.kind === "music"
    ? h("div", { class: "roll", tabindex: "0", role: "img" }, h("canvas", { "aria-hidden": "true" }))
    : h("blockquote", { class: "excerpt" });
  const facts = plain ? null : h("div", {});

  function update(newest) {
    element.take = newest;
    element.setAttribute("aria-label", nameOf(newest));
    if (sound) picture.setAttribute("aria-label", `Notes of ${nameOf(newest)}; space plays`);
    if (!title) name.textContent = nameOf(newest);
    how.textContent = [howSaid(newest), lengthSaid(newest, null),
      brief && newest.facts.seed != null && `seed ${newest.facts.seed}`].filter(Boolean).join(" · ");
    element.classList.toggle("is-starred", newest.starred);
    if (facts) fill(facts, factsOf(newest, brief));
    fill(buttons, actions.map((action) => actionButton(action, element)));
    sound?.renamed();
  }

  put(element, h("header", { class: "take-head" }, sound?.button, h("div", { class: "grow" }, title ?? name, how), sound?.clock),
    picture, said, facts, !plain && take.kind === "music" && scoreOf(take), buttons);
  update(take);
  sound?.keysOn(element);
  element.update = update;
  element.stop = () => sound?.stop();
  element.toggle = () => sound?.toggle();
  showPiece(take, picture, sound, complain);
  return element;
}

function actionButton({ label, icon: name, href, run, main = false, small = false, pressed }, element) {
  const attributes = {
    class: `button small ${main ? "" : "quiet"} ${small ? "round" : ""}`, "aria-label": `${label}: ${nameOf(element.take)}`,
      title: small ? label : null,
    "aria-pressed": pressed ? String(Boolean(pressed(element.take))) : null,
  };
  const inside = [name && icon(name), !small && label];
  if (href) return h("a", { ...attributes, href: href(element.take) }, inside);
  return h("button", { ...attributes, type: "button", onclick: (event) => run(element.take, event.currentTarget) }, inside);
}

async function showPiece(take, picture, sound, complain) {
  try {
    const piece = await get(`/api/takes/${take.id}/piece`);
    if (piece.kind === "text") return picture.append(excerptOf(piece.text));
    const canvas = picture.querySelector("canvas");
    whenSeen(canvas, () => drawRoll(canvas, piece.score));
    sound.showOn(picture, piece.score);
  } catch (error) {
    complain(say(error));
  }
}

const excerptOf = (text) => (text.length > EXCERPT ? `${text.slice(0, EXCERPT).replace(/\s+\S*$/, "")} …` : text);

// A canvas has a size only where it is laid out; it is drawn anew when that changes.
function whenSeen(canvas, draw) {
  new ResizeObserver(() => { if (canvas.clientWidth) draw(); }).observe(canvas);
}
