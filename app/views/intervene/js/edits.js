// Edits of concept scores: a plain Map of concept id to value, written as "12:0.5,40:-1".

const MOST_EDITS = 1000; // edits of one link
const LARGEST_EDIT = 1e9; // beyond any score; keeps logits finite

export function parseEdits(text) {
  const out = new Map();
  for (const piece of (text ?? "").split(",").slice(0, MOST_EDITS)) {
    const found = /^(\d{1,9}):(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/i.exec(piece.trim());
    if (found && Math.abs(Number(found[2])) <= LARGEST_EDIT) out.set(Number(found[1]), Number(found[2]));
  }
  return out;
}

// Ids ascending; numbers as JavaScript prints them, which any reader of decimals reads back exactly.
export function formatEdits(edits) {
  return [...edits.entries()].sort((a, b) => a[0] - b[0]).map(([k, v]) => `${k}:${v}`).join(",");
}

// A slider's value, rounded to four significant digits of its range, so that links stay short.
export function tidy(value, lo, hi) {
  const span = hi - lo;
  if (!(span > 0)) return value;
  const digits = Math.max(0, Math.min(12, 4 - Math.floor(Math.log10(span)) - 1));
  return Number(value.toFixed(digits));
}

// One choice: set a concept, and where it belongs to an exclusive group and is being set present,
// move its siblings to their absent value. Returns a new Map.
export function withEdit(edits, id, value, siblings = []) {
  const out = new Map(edits);
  if (value === null) out.delete(id);
  else out.set(id, value);
  for (const [other, absent] of siblings) if (absent !== null) out.set(other, absent);
  return out;
}

export function startHistory(edits) {
  return { past: [], now: edits, future: [] };
}

export function commit(history, edits) {
  if (formatEdits(edits) === formatEdits(history.now)) return history;
  return { past: [...history.past, history.now], now: edits, future: [] };
}

export function undo({ past, now, future }) {
  if (!past.length) return { past, now, future };
  return { past: past.slice(0, -1), now: past[past.length - 1], future: [now, ...future] };
}

export function redo({ past, now, future }) {
  if (!future.length) return { past, now, future };
  return { past: [...past, now], now: future[0], future: future.slice(1) };
}
