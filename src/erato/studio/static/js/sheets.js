// The engraved score of a take, fetched only when somebody opens it. Takes in, an element out; knows nothing of notes.

import { fill, h, trouble } from "./dom.js";
import { get, say } from "./api.js";

export function scoreOf(take) {
  const pages = h("div", { class: "sheets" }), element = h("details", { class: "take-score" }, h("summary", {}, "Score"), pages);
  element.addEventListener("toggle", () => { if (element.open && !pages.firstChild) show(take, pages); });
  return element;
}

async function show(take, pages) {
  fill(pages, h("p", { class: "soft small", role: "status" }, "Engraving …"));
  try {
    const { pages: count } = await get(`/api/takes/${take.id}/score`);
    fill(pages, Array.from({ length: count }, (_, at) => page(take, at + 1, count)));
  } catch (error) {
    fill(pages, trouble(say(error)));
  }
}

const page = (take, number, count) => h("figure", {},
  h("img", { src: `/api/takes/${take.id}/score/${number}.svg?v=${take.version}`, alt: `Score, page ${number} of ${count}`, loading: "lazy" }),
  count > 1 && h("figcaption", { class: "small soft" }, `${number} of ${count}`));
