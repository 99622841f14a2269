// How a history that branches is laid out, as rows under each other with lines beside them: takes come in, rows go out.
// The longest line of descent goes straight down, side branches turn off to the right before it. Pure functions on
// {id, parent, created}; knows nothing of elements.

// Takes by their parent's id; a parent that is not among them makes its child a beginning.
function childrenOf(takes) {
  const known = new Set(takes.map((take) => take.id)), children = new Map();
  for (const take of takes) {
    const parent = known.has(take.parent) ? take.parent : null;
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(take);
  }
  return children;
}

// The takes such that parents come before their children, whatever ids they have; a ring of parents is left out.
function inOrder(children) {
  const found = [...(children.get(null) ?? [])];
  for (let at = 0; at < found.length; at++) found.push(...(children.get(found[at].id) ?? []));
  return found;
}

// id -> {depth: generations below, newest: when the last of the family was made}
function families(order, children) {
  const found = new Map();
  for (const take of [...order].reverse()) {
    const below = (children.get(take.id) ?? []).map((child) => found.get(child.id));
    found.set(take.id, {
      depth: Math.max(-1, ...below.map((family) => family.depth)) + 1,
      newest: Math.max(take.created, ...below.map((family) => family.newest)),
    });
  }
  return found;
}

// Rows from the top down: {take, level (1 is a beginning), place, siblings, children, lane, through: [lanes of lines that
// pass by], from: lane that it turns off from or null, straight: whether its line goes on below in its own lane}.
// Beginnings: the family with the newest take first. closed: ids whose descendants are not shown.
export function rowsOf(takes, closed = new Set()) {
  const children = childrenOf(takes), family = families(inOrder(children), children), rows = [];
  const last = (all) => all.reduce((best, take) => (family.get(take.id).depth >= family.get(best.id).depth ? take : best));
  const beginnings = [...(children.get(null) ?? [])].sort((a, b) => family.get(b.id).newest - family.get(a.id).newest);
  const waiting = beginnings.map((take, at) => ({ take, level: 1, place: at + 1, siblings: beginnings.length, lane: 0, through: [], from: null }));
  while (waiting.length) {
    const row = waiting.shift(), below = children.get(row.take.id) ?? [];
    const shown = closed.has(row.take.id) ? [] : [...below].sort((a, b) => a.created - b.created);
    rows.push({ ...row, children: below.length, straight: shown.length > 0 });
    if (!shown.length) continue;
    const main = last(shown), sides = shown.filter((take) => take !== main);
    const common = { level: row.level + 1, siblings: shown.length };
    const turning = sides.map((take, at) => ({
      ...common, take, place: at + 1, lane: row.lane + 1, from: row.lane, through: [...row.through, row.lane],
    }));
    waiting.unshift(...turning, { ...common, take: main, place: shown.length, lane: row.lane, from: row.lane, through: row.through });
  }
  return rows;
}
