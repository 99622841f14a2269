// Playing in from a MIDI keyboard: a button that begins and ends it, the notes as they come, and at the end one step in the roll.
// Knows nothing of how keyboards are heard or notes are saved.

import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { Take, listen } from "../midi_input.js";
import { cellOf, clockOf } from "../roll/time.js";

// `complain(sentence)` is told what did not work, `recorded(notes)` that something was played.
export const recording = (roll, complain, recorded) => {
  const button = h("button", { type: "button", class: "button quiet small record", onclick: () => (take ? stop() : start()) });
  let take = null, hush = null, frame = 0, from = 0;

  const show = () => {
    fill(button, icon(take ? "stop" : "record"), take ? "Stop recording" : "Record");
    button.title = take ? "The first key that you press begins; press again to end" : "Play notes in from a MIDI keyboard";
    button.classList.toggle("is-on", take !== null);
  };

  // Notes of the take in ticks, those that sound still up to now.
  const notesOf = (played, now) => {
    const { seconds, ticks } = clockOf(roll.state), zero = seconds(from);
    return played.map(({ pitch, velocity, start: begin, end }) => {
      const onset = ticks(zero + begin), until = ticks(zero + (end ?? Math.max(begin, now)));
      return { track: roll.track, onset, duration: Math.max(1, until - onset), pitch, velocity };
    });
  };

  const follow = () => {
    const notes = notesOf(take.notes, take.since(performance.now() / 1000)), last = notes.at(-1);
    roll.view.show({ fresh: notes });
    if (last && !roll.view.sees(last.onset + last.duration)) roll.view.follow(last.onset);
    frame = requestAnimationFrame(follow);
  };

  const start = async () => {
    complain(null);
    try {
      const mine = new Take();
      hush = await listen((event) => {
        mine.hear(event);
        if (event.on) roll.touch({ track: roll.track, pitch: event.pitch, velocity: event.velocity });
      });
      take = mine;
      from = cellOf(roll.state, roll.playhead, roll.step);
      follow();
    } catch (error) {
      complain(error.message);
    }
    show();
  };

  const stop = () => {
    const notes = notesOf(take.finish(performance.now() / 1000), 0);
    hush();
    cancelAnimationFrame(frame);
    take = hush = null;
    roll.view.show({ fresh: [] });
    if (notes.length) {
      recorded(notes);
      roll.add(notes);
    }
    show();
  };

  show();
  return { button, end: () => take && stop() };
};
