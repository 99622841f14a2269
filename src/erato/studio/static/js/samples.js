// What a model made while it learnt: a small roll and a button that plays it, or the words. Knows where a model's
// samples are asked for, nothing of how they came about.

import { fill, freshId, h, trouble } from "./dom.js";
import { icon } from "./icons.js";
import { get, say } from "./api.js";
import { Player } from "./player.js";
import { drawRoll } from "./thumb.js";
import { clock } from "./words.js";

const WORDS = 280; // characters of a text that are shown at first

const address = (model, sample) =>
  `/api/models/${encodeURIComponent(model)}/samples/${encodeURIComponent(sample.name)}`;

// {element, stop()} of one sample. `title` names it on the page and for screen readers; `brief`: only the first lines
// of words.
export function sampleCard(model, sample, title, brief = false) {
  const body = h("div", { class: "sample-body" });
  const name = h("span", { class: "sample-name" }, title);
  const head = h("div", { class: "row sample-head" });
  const element = h("div", { class: "sample", role: "group", "aria-label": title }, head, body);
  const player = sample.kind === "text" ? null : new Player();
  if (player) fill(head, playButton(player, `${address(model, sample)}/sound.wav`, title, body), name);
  else fill(head, name);
  get(address(model, sample)).then(
    (found) => show(body, found, player, brief),
    (error) => fill(body, trouble(say(error))),
  );
  return { element, stop: () => player?.pause() };
}

function show(body, found, player, brief) {
  if (found.text !== undefined)
    return fill(
      body,
      brief ? h("p", { class: "sample-words brief" }, found.text.trim().slice(0, WORDS)) : words(found.text),
    );
  const canvas = h("canvas", { "aria-hidden": "true" }),
    head = h("span", { class: "playhead", hidden: true });
  const time = h("span", { class: "help numbers sample-time" }, clock(found.score.seconds ?? 0));
  fill(body, h("div", { class: "sample-roll" }, canvas, head), time);
  drawRoll(canvas, found.score);
  const follow = () => {
    const whole = player.duration || found.score.seconds || 1;
    head.hidden = player.time === 0;
    head.style.left = `${(100 * player.time) / whole}%`;
    time.textContent = player.time > 0 ? `${clock(player.time)} / ${clock(whole)}` : clock(whole);
  };
  player.addEventListener("tick", follow);
  player.addEventListener("state", follow);
}

// The beginning of a text, and the rest at a press.
function words(text) {
  if (text.length <= WORDS) return h("p", { class: "sample-words" }, text);
  const shown = h("p", { class: "sample-words", id: freshId("words") }, `${text.slice(0, WORDS)}…`);
  const button = h(
    "button",
    {
      type: "button",
      class: "button bare small",
      "aria-expanded": "false",
      "aria-controls": shown.id,
      onclick: () => {
        const open = button.getAttribute("aria-expanded") !== "true";
        button.setAttribute("aria-expanded", String(open));
        button.textContent = open ? "Less" : "All of it";
        shown.textContent = open ? text : `${text.slice(0, WORDS)}…`;
      },
    },
    "All of it",
  );
  return [shown, button];
}

function playButton(player, url, title, body) {
  const button = h("button", { type: "button", class: "button round small" });
  const show = () => {
    fill(button, icon(player.playing ? "pause" : "play"));
    button.setAttribute("aria-label", `${player.playing ? "Pause" : "Play"} ${title}`);
    button.setAttribute("aria-busy", String(player.loading));
  };
  button.addEventListener("click", async () => {
    body.querySelector(".trouble")?.remove();
    if (player.playing || player.loading) return player.pause();
    try {
      await player.load(url);
      await player.play();
    } catch (error) {
      body.append(trouble(say(error)));
    }
  });
  player.addEventListener("state", show);
  show();
  return button;
}
