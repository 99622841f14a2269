// The buttons over the piano roll: playing, tool, grid, undo, zoom, tempo, meter. Each calls one method of the roll or of the
// transport and shows how it stands with it. Knows nothing of the server and of how anything is done.

import { fill, freshId, h } from "../dom.js";
import { icon } from "../icons.js";
import { GRIDS } from "../roll/roll.js";
import { barAt } from "../roll/time.js";
import { clock } from "../words.js";

const ZOOM = 1.3;
const METERS = ["2/2", "2/4", "3/4", "4/4", "5/4", "6/4", "3/8", "6/8", "9/8", "12/8"];

// A round button with an icon; its name is read out and shown.
export const iconButton = (name, label, onclick, more = {}) =>
  h("button", { type: "button", class: "button bare round tool", "aria-label": label, title: label, onclick, ...more }, icon(name));

const pressed = (button, on) => button.setAttribute("aria-pressed", String(Boolean(on)));

export const toolbar = (roll, transport) => h("div", { class: "edit-tools", role: "group", "aria-label": "Tools of the piano roll" },
  playing(roll, transport), tools(roll), changes(roll));

// The meter, and how the roll is looked at and listened to.
export const lookBar = (roll, touchSound) => h("div", { class: "tools push" }, meter(roll), zooms(roll), touches(touchSound));

const group = (name, ...children) => h("div", { class: `tools ${name}`, role: "group" }, children);

// ---- playing

const playing = (roll, transport) => {
  const play = h("button", { type: "button", class: "button round play", onclick: () => transport.toggle() });
  const loop = iconButton("loop", "Loop the selection", () => transport.toggleLoop());
  const begin = iconButton("begin", "To the beginning", () => { transport.seekTo(0); roll.view.follow(0); });
  const bar = h("span", { class: "where-bar" }), time = h("span", { class: "where-time soft" });
  const showState = () => {
    const word = transport.playing ? "Pause" : transport.busy ? "Making the sound; press to stop" : "Play";
    fill(play, icon(transport.playing ? "pause" : "play"));
    play.setAttribute("aria-label", word);
    play.title = `${word} (space)`;
    play.classList.toggle("is-loading", transport.busy);
    pressed(loop, roll.loop);
  };
  const showTime = () => {
    const at = barAt(roll.state, roll.playhead);
    bar.textContent = `${at.bar}.${at.beat}`;
    time.textContent = clock(transport.seconds);
  };
  transport.addEventListener("state", showState);
  transport.addEventListener("time", showTime);
  roll.addEventListener("settings", showState);
  roll.addEventListener("change", showTime);
  showState();
  showTime();
  return group("playing", play, begin, loop, h("span", { class: "where numbers", title: "Bar and beat, time" }, bar, time), tempo(roll));
};

// One tempo may be written; several are only said.
const tempo = (roll) => {
  const id = freshId("tempo"), input = h("input", { type: "number", class: "input", id, min: "20", max: "300", inputmode: "numeric" });
  const said = h("span", { class: "numbers" });
  const show = () => {
    const { tempos } = roll.state, all = tempos.map(([, perMinute]) => Math.round(perMinute));
    input.hidden = all.length > 1;
    said.hidden = all.length <= 1;
    input.value = all[0] ?? 120;
    said.textContent = `${Math.min(...all)}–${Math.max(...all)}`;
  };
  input.addEventListener("change", () => {
    const wanted = Number(input.value);
    if (wanted >= 20 && wanted <= 300) roll.setTempo(wanted);
    show();
  });
  roll.addEventListener("change", show);
  show();
  return h("span", { class: "tempo", title: "Quarters a minute" }, h("label", { for: id, "aria-label": "Tempo, quarters a minute" }, "♩ ="), input, said);
};

// One time signature may be chosen; several are only said.
const meter = (roll) => {
  const choice = h("select", { class: "input", "aria-label": "Time signature", title: "Time signature", onchange: () => roll.setMeter(...choice.value.split("/").map(Number)) });
  const said = h("span", { class: "numbers", title: "Time signatures" });
  const show = () => {
    const all = roll.state.timeSignatures.map(([, numerator, denominator]) => `${numerator}/${denominator}`), [now = "4/4"] = all;
    choice.hidden = all.length > 1;
    said.hidden = all.length <= 1;
    fill(choice, [...new Set([now, ...METERS])].sort(byLength).map((one) => h("option", { value: one }, one)));
    choice.value = now;
    said.textContent = [...new Set(all)].join(", ");
  };
  roll.addEventListener("change", show);
  show();
  return h("span", { class: "meter" }, choice, said);
};

const byLength = (...pair) => {
  const [a, b] = pair.map((one) => one.split("/").map(Number));
  return a[1] - b[1] || a[0] - b[0];
};

// ---- tool and grid

const tools = (roll) => {
  const tool = (name, label, picture) => h("button", { type: "button", title: label, onclick: () => roll.set({ tool: name }) }, icon(picture), label.split(" ")[0]);
  const select = tool("select", "Select and move (S)", "cursor"), draw = tool("draw", "Draw notes (D)", "edit");
  const grid = h("select", { class: "input grid-choice", "aria-label": "Grid", title: "Grid", onchange: () => roll.set({ grid: grid.value }) },
    Object.keys(GRIDS).map((name) => h("option", { value: name }, name === "free" ? "no grid" : name)));
  const show = () => {
    pressed(select, roll.tool === "select");
    pressed(draw, roll.tool === "draw");
    roll.view.window.dataset.tool = roll.tool;
    grid.value = roll.grid;
  };
  roll.addEventListener("settings", show);
  show();
  return group("tool", h("div", { class: "segments" }, select, draw), grid);
};

// ---- undo, redo

const changes = (roll) => {
  const undo = iconButton("undo", "Undo", () => roll.undo()), redo = iconButton("redo", "Do again", () => roll.redo());
  const show = () => {
    undo.disabled = !roll.history.canUndo;
    redo.disabled = !roll.history.canRedo;
  };
  roll.addEventListener("change", show);
  show();
  return group("changes", undo, redo);
};

const zooms = (roll) => group("zooms",
  iconButton("minus", "Zoom out", () => roll.view.zoom(1 / ZOOM)), iconButton("plus", "Zoom in", () => roll.view.zoom(ZOOM)));

const touches = (touchSound) => {
  const button = iconButton("sound", "Hear notes that are touched", () => {
    touchSound.on = !touchSound.on;
    pressed(button, touchSound.on);
  });
  pressed(button, touchSound.on);
  return group("touches", button);
};
