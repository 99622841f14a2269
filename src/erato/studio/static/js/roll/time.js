// Time in a piece: bars and beats from its time signatures, the grid, and seconds from its tempos. Pure; takes the state of
// notes.js, times in ticks. Knows nothing of notes.

const USUAL_TEMPO = 120;

// The last entry of [[tick, ...], ...] at or before `tick`; the first where there is none before.
const last = (entries, tick) => entries.findLast(([from]) => from <= tick) || entries[0];

const barLength = (state, tick) => {
  const [, numerator, denominator] = last(state.timeSignatures, tick) || [0, 4, 4];
  return (state.ticksPerQuarter * 4 * numerator) / denominator;
};

export const beatLength = (state, tick) => {
  const [, , denominator] = last(state.timeSignatures, tick) || [0, 4, 4];
  return (state.ticksPerQuarter * 4) / denominator;
};

const lines = new WeakMap(); // bars that are known, by the list of the server, and how far they go

// Ticks of bar lines from 0 to `until` or later: the server's, and behind them more of the last kind.
export const barLines = (state, until) => {
  let found = lines.get(state.bars);
  if (!found || found.signatures !== state.timeSignatures) {
    found = { signatures: state.timeSignatures, ticks: state.bars.length ? [...state.bars] : [0] };
    const [before, end] = found.ticks.slice(-2);
    if (end !== undefined && end - before < barLength(state, before)) found.ticks.pop(); // a piece that ends within a bar
    lines.set(state.bars, found);
  }
  const { ticks } = found;
  while (ticks.at(-1) < until) {
    const from = ticks.at(-1), change = state.timeSignatures.find(([tick]) => tick > from);
    ticks.push(Math.min(from + barLength(state, from), change ? change[0] : Infinity));
  }
  return ticks;
};

// 1 where the piece begins with a pickup, which is no bar of its own: a first time signature shorter than the second and one
// bar long; else 0.
export const pickup = (state) => {
  const [first, second] = state.timeSignatures;
  if (!second || first[0] !== 0) return 0;
  return first[1] / first[2] < second[1] / second[2] && Math.abs(second[0] - barLength(state, 0)) < 1 ? 1 : 0;
};

// The tick at which bar `number` (from 1) begins.
export const barStart = (state, number) => {
  const at = Math.max(0, number - 1 + pickup(state));
  let ticks = barLines(state, 0);
  while (ticks.length <= at) ticks = barLines(state, ticks.at(-1) + 1);
  return ticks[at];
};

// Which of ascending `ticks` is the last at or before `tick`; -1 before the first.
export const placeIn = (ticks, tick) => {
  let [low, high] = [0, ticks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ticks[middle] <= tick) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};

// {bar, beat, from, to} of a tick: bar and beat counted from 1; a pickup is bar 0.
export const barAt = (state, tick) => {
  const ticks = barLines(state, tick + 1), at = Math.max(0, placeIn(ticks, tick)), from = ticks[at];
  const to = ticks[at + 1] ?? from + barLength(state, from);
  return { bar: at + 1 - pickup(state), beat: Math.floor((tick - from) / beatLength(state, from)) + 1, from, to };
};

// The nearest line of a grid of `step` ticks, which begins anew in every bar; 0: no grid.
export const snapped = (state, tick, step) => {
  const place = Math.max(0, tick);
  if (!step) return Math.round(place);
  const { from, to } = barAt(state, place), line = Math.round(from + Math.round((place - from) / step) * step);
  return to - place < Math.abs(line - place) ? to : Math.min(to, line);
};

// The line at or before it.
export const cellOf = (state, tick, step) => {
  const place = Math.max(0, tick);
  if (!step) return Math.round(place);
  const { from } = barAt(state, place);
  return Math.round(from + Math.floor((place - from) / step + 1e-6) * step);
};

// {seconds(tick), ticks(seconds)} by the tempos of a piece.
export const clockOf = ({ tempos, ticksPerQuarter }) => {
  const perTick = (perMinute) => 60 / perMinute / ticksPerQuarter;
  const points = [{ tick: 0, seconds: 0, perTick: perTick(tempos.length ? tempos[0][1] : USUAL_TEMPO) }];
  for (const [tick, perMinute] of tempos) {
    const before = points.at(-1);
    points.push({ tick, seconds: before.seconds + (tick - before.tick) * before.perTick, perTick: perTick(perMinute) });
  }
  const before = (key, value) => points.findLast((point) => point[key] <= value) || points[0];
  return {
    seconds(tick) {
      const point = before("tick", tick);
      return point.seconds + (tick - point.tick) * point.perTick;
    },
    ticks(seconds) {
      const point = before("seconds", seconds);
      return point.tick + (seconds - point.seconds) / point.perTick;
    },
  };
};
