// What is known of a take, as a list that says each number and what it means. Takes in, elements out; asks the server nothing.

import { h } from "./dom.js";
import { originalSaid, settingsSaid, usualSaid } from "./facts.js";

const row = (name, value, help) => h("div", { class: "fact" }, h("dt", {}, name), h("dd", {}, value, help && h("small", { class: "soft" }, help)));

export function factsOf(take) {
  const usual = usualSaid(take.facts, take.kind), original = originalSaid(take.facts), settings = settingsSaid(take.settings ?? {});
  if (!usual && !original && !settings.length && !take.model) return null;
  return h("dl", { class: "take-facts" },
    usual && row("How usual the model finds it", usual, "the lower, the more usual"),
    original && row("How much is not its own", original),
    take.model && row("Composed by", h("a", { href: `#/model/${encodeURIComponent(take.model)}` }, take.model)),
    settings.length > 0 && row("Asked for", settings.map(([name, value]) => `${name}: ${value}`).join(" · ")));
}
