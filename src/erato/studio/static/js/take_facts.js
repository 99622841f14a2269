// What is known of a take, as a list that says each number and what it means. Takes in, elements out; asks the server nothing.

import { h } from "./dom.js";
import { originalSaid, settingsSaid, usualSaid } from "./facts.js";

const row = (name, value, help) => h("div", { class: "fact" }, h("dt", {}, name), h("dd", {}, value, help && h("small", { class: "soft" }, help)));

// brief: without what is the same for all pieces that were composed together.
export function factsOf(take, brief = false) {
  const usual = usualSaid(take.facts), [short, long] = originalSaid(take.facts), settings = settingsSaid(take.settings ?? {});
  const rows = [
    usual && row("How usual the model finds it", usual, "the lower, the more usual"),
    long && row("In common with what it learned from", short, long),
    !brief && take.model && row("Composed by", h("a", { href: `#/model/${encodeURIComponent(take.model)}` }, take.model)),
    !brief && settings.length > 0 && row("Asked for", settings.map(([name, value]) => `${name}: ${value}`).join(" · ")),
  ].filter(Boolean);
  return rows.length ? h("dl", { class: "take-facts" }, rows) : null;
}
