// Where notes are: finds those that sound in a stretch of time and pitch without looking at the others. Pure; made anew for
// every state (notes sorted by onset within each pitch). Knows nothing of pixels.

export class Places {
  #rows = new Map(); // pitch -> {notes by onset, onsets, longest}

  constructor(notes) {
    for (const note of notes) {
      const row = this.#rows.get(note.pitch);
      if (row) row.notes.push(note);
      else this.#rows.set(note.pitch, { notes: [note], longest: 0 });
    }
    for (const row of this.#rows.values()) {
      row.notes.sort((a, b) => a.onset - b.onset);
      row.longest = row.notes.reduce((longest, { duration }) => Math.max(longest, duration), 0);
    }
  }

  // The notes that sound after tick `from` and before tick `to`, of pitches `low` to `high`; by pitch, then by onset.
  within(from, to, low, high) {
    const found = [];
    for (let pitch = low; pitch <= high; pitch++) {
      const row = this.#rows.get(pitch);
      if (!row) continue;
      for (let at = first(row.notes, from - row.longest); at < row.notes.length && row.notes[at].onset < to; at++)
        if (row.notes[at].onset + row.notes[at].duration > from) found.push(row.notes[at]);
    }
    return found;
  }

  // The notes of a pitch that sound at a tick, or within `around` ticks of it; by onset.
  at(tick, pitch, around = 0) {
    return this.within(tick - around - 1e-6, tick + around + 1e-6, pitch, pitch);
  }
}

// The first place of notes that begin at or after `tick`.
const first = (notes, tick) => {
  let [low, high] = [0, notes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (notes[middle].onset < tick) low = middle + 1;
    else high = middle;
  }
  return low;
};

const known = new WeakMap();

// The places of a state's notes.
export const placesOf = (state) => {
  if (!known.has(state.notes)) known.set(state.notes, new Places(state.notes));
  return known.get(state.notes);
};
