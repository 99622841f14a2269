// What two pieces have in common, and what only one of them has: notes by when and how high they sound, texts word by word. Pure.

const MOST = 4e6; // comparisons of words; longer texts are only shown beside each other

// Notes as [when in quarters, pitch, how long], so that pieces with other resolutions compare.
function notesOf(score) {
  const quarter = score.ticks_per_quarter, found = new Map();
  for (const { notes } of score.tracks)
    for (const [onset, duration, pitch] of notes) {
      const key = [Math.round((24 * onset) / quarter), pitch, Math.round((24 * duration) / quarter)].join(" ");
      found.set(key, (found.get(key) ?? 0) + 1);
    }
  return found;
}

// {both, first, second}: how many notes both have, and each alone.
export function notesApart(a, b) {
  const [first, second] = [notesOf(a), notesOf(b)], all = (notes) => [...notes.values()].reduce((sum, number) => sum + number, 0);
  let both = 0;
  for (const [key, number] of first) both += Math.min(number, second.get(key) ?? 0);
  return { both, first: all(first) - both, second: all(second) - both };
}

const words = (text) => text.match(/\s+|[^\s]+/g) ?? [];

// [[runs of a], [runs of b]] with a run as [text, whether only this one has it]; null where the texts are too long for that.
export function wordsApart(a, b) {
  const [left, right] = [words(a), words(b)];
  if (left.length * right.length > MOST) return null;
  const width = right.length + 1, longest = new Uint32Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i--)
    for (let j = right.length - 1; j >= 0; j--)
      longest[i * width + j] = left[i] === right[j] ? longest[(i + 1) * width + j + 1] + 1 : Math.max(longest[(i + 1) * width + j],
        longest[i * width + j + 1]);
  const found = [[], []];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      add(found[0], left[i++], false);
      add(found[1], right[j++], false);
    } else if (j >= right.length || (i < left.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) add(found[0], left[i++], true);
    else add(found[1], right[j++], true);
  }
  return found;
}

function add(runs, word, own) {
  const last = runs.at(-1);
  if (last?.[1] === own) last[0] += word;
  else runs.push([word, own]);
}
