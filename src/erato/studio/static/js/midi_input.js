// A MIDI keyboard as the browser hears it. Asks for it only when told to; in: what the keys send; out: notes with times in
// seconds. Knows nothing of pieces and of the page.

const PEDAL = 64;
const AWAY = "This browser cannot hear MIDI keyboards; Chrome and Edge can, and Firefox when it is allowed to.";
const REFUSED = "The browser was not allowed to use MIDI keyboards; allow it for this page in the address bar and try again.";
const NONE = "No MIDI keyboard is connected; plug one in and try again.";

export const canHear = () => typeof navigator.requestMIDIAccess === "function";

// Hears all keyboards; `f({on, pitch, velocity, seconds})` for each key, seconds on the browser's own clock. Gives what ends it;
// rejects with a sentence where there is nothing to hear.
export async function listen(f) {
  if (!canHear()) throw new Error(AWAY);
  let access;
  try {
    access = await navigator.requestMIDIAccess();
  } catch {
    throw new Error(REFUSED);
  }
  if (!access.inputs.size) throw new Error(NONE);
  const hear = ({ data: [status, pitch, velocity], timeStamp }) => {
    const kind = status & 0xf0, seconds = timeStamp / 1000;
    if (kind === 0x90 || kind === 0x80) f({ on: kind === 0x90 && velocity > 0, pitch, velocity, seconds });
    else if (kind === 0xb0 && pitch === PEDAL) f({ pedal: velocity >= 64, seconds });
  };
  const plug = () => access.inputs.forEach((input) => { input.onmidimessage = hear; });
  plug();
  access.onstatechange = plug;
  return () => {
    access.onstatechange = null;
    access.inputs.forEach((input) => { input.onmidimessage = null; });
  };
}

// Makes notes of what keys and pedal do: {pitch, velocity, start, end} in seconds from the first key on.
export class Take {
  notes = [];
  #down = new Map(); // pitch -> its note
  #held = new Set(); // notes that only the pedal holds
  #pedal = false;
  #zero = null;

  hear({ on, pedal, pitch, velocity, seconds }) {
    if (pedal !== undefined) return this.#step(pedal, seconds);
    if (on) this.#zero ??= seconds;
    if (this.#zero === null) return;
    const at = seconds - this.#zero, before = this.#down.get(pitch) || [...this.#held].find((note) => note.pitch === pitch);
    if (before && (on || !this.#pedal)) this.#ended(before, at);
    else if (before) this.#held.add(before);
    this.#down.delete(pitch);
    if (!on) return;
    const note = { pitch, velocity, start: at, end: null };
    this.#down.set(pitch, note);
    this.notes.push(note);
  }

  #step(down, seconds) {
    this.#pedal = down;
    if (down) return;
    for (const note of this.#held) this.#ended(note, seconds - this.#zero);
  }

  #ended(note, at) {
    note.end ??= at;
    this.#held.delete(note);
  }

  // Seconds from the first key to a time of the browser's clock; 0 before there was one.
  since(seconds) { return this.#zero === null ? 0 : seconds - this.#zero; }

  // All notes, those that still sound ended at `seconds` of the browser's clock.
  finish(seconds) {
    for (const note of this.notes) note.end ??= Math.max(note.start, this.since(seconds));
    return this.notes.filter(({ start, end }) => end > start);
  }
}
