// Makes a piece heard where it is seen: a button that plays and pauses, a clock, and a line that goes over the picture of its
// notes; a click in the picture goes there. Knows how a take's sound is asked for, nothing of what else is said of takes.

import { fill, h } from "./dom.js";
import { say } from "./api.js";
import { icon } from "./icons.js";
import { Player } from "./player.js";
import { clockOf } from "./roll/time.js";
import { endOf } from "./thumb.js";
import { clock } from "./words.js";

const STEP = 5; // seconds that an arrow key goes

export const soundOf = (take) => `/api/takes/${take.id}/sound.wav?v=${take.version}`;

// {button, clock, player, toggle(), playFrom(seconds), showOn(paper, score), keysOn(element), stop()}; `trouble(sentence)` is told what did not work.
export function hearing(take, name, trouble) {
  const player = new Player(), said = h("span", { class: "now numbers" });
  const button = h("button", { type: "button", class: "button round play", onclick: () => toggle() });
  const head = h("span", { class: "playhead", hidden: true });
  let place = null; // of the picture: {times: clock of the score's ticks, end: its last tick, seconds: how long it is}

  const toggle = () => (player.playing || player.loading ? player.pause() : playFrom());

  async function playFrom(seconds) {
    trouble(null);
    try {
      await player.load(soundOf(take));
      await player.play(seconds);
    } catch (error) {
      trouble(say(error));
    }
  }

  const length = () => player.duration || place?.seconds || take.facts.seconds || 0;

  function go(seconds) {
    player.seek(Math.min(Math.max(seconds, 0), length()));
    follow();
  }

  function follow() {
    said.textContent = `${clock(player.time)} / ${clock(length())}`;
    head.hidden = !place || (player.time === 0 && !player.playing);
    if (place) head.style.left = `${Math.min(100, (100 * place.times.ticks(player.time)) / place.end)}%`;
  }

  function show() {
    fill(button, icon(player.playing ? "pause" : "play"));
    button.setAttribute("aria-label", `${player.playing ? "Pause" : "Play"} ${name()}`);
    button.classList.toggle("is-playing", player.playing);
    button.setAttribute("aria-busy", String(player.loading));
    follow();
  }

  function showOn(paper, score) {
    const times = clockOf({ tempos: score.tempos, ticksPerQuarter: score.ticks_per_quarter }), end = Math.max(1, endOf(score));
    place = { times, end, seconds: times.seconds(end) };
    paper.append(head);
    paper.classList.add("can-seek");
    paper.addEventListener("click", (event) => {
      const box = paper.getBoundingClientRect();
      go(place.times.seconds((place.end * (event.clientX - box.left)) / box.width));
      if (!player.playing) toggle();
    });
    follow();
  }

  // Space plays, arrows go; on `element` and what is in it, except where keys have a meaning of their own.
  function keysOn(element) {
    element.addEventListener("keydown", (event) => {
      const { key, target } = event;
      if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || target.closest("input, select, textarea, summary, dialog")) return;
      if (key === " " && !target.closest("button, a")) toggle();
      else if (key === "ArrowLeft" && !event.shiftKey) go(player.time - STEP);
      else if (key === "ArrowRight" && !event.shiftKey) go(player.time + STEP);
      else return;
      event.preventDefault();
    });
  }

  player.addEventListener("state", show);
  player.addEventListener("tick", follow);
  show();
  return { button, clock: said, player, toggle, playFrom, showOn, keysOn, renamed: show, stop: () => player.pause() };
}

// Where nothing has the focus that has a use for it, space plays what `choose()` gives: {toggle()} or null. Gives what undoes it.
export function spacePlays(choose) {
  const press = (event) => {
    if (event.key !== " " || event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target !== document.body && !event.target.matches("main, h1, [role=treeitem]")) return;
    const chosen = choose();
    if (!chosen) return;
    event.preventDefault();
    chosen.toggle();
  };
  document.addEventListener("keydown", press);
  return () => document.removeEventListener("keydown", press);
}
