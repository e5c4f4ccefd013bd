// What the intervention element knows and computes; no document in here, so Node can test it.
import { f64, unpackCodes } from "../../../widgets/js/codes.js";
import { tidy } from "./edits.js";
import { argmax, contributions, entropy, isPresent, logits, margin, sigmoid, softmax, topClasses, uncertainty } from "../../../widgets/js/head.js";

// Presets keep four digits of the range, as handles do, so that links stay short.
function rounded(concept) {
  const set = (value) => (value === null ? null : tidy(value, concept.lo, concept.hi));
  const levels = Object.fromEntries(Object.entries(concept.levels ?? {}).map(([k, pair]) => [k, pair.map(set)]));
  return { ...concept, levels, present: set(concept.present), absent: set(concept.absent) };
}

// What "absent" and "present" set under a choice of values; null where no image tells.
export function preset(concept, strategy = "typical") {
  const [absent, present] = concept.levels?.[strategy] ?? [concept.absent, concept.present];
  return { absent, present };
}

// From the payload: a head over the concepts sent, the rest folded into each class's base.
export function unpackLab(data) {
  const bias = f64(data.head.bias), folded = f64(data.head.folded);
  const rest = data.head.rest === null ? null : f64(data.head.rest);
  const base = bias.map((b, y) => b + folded[y] + (rest ? rest[y] : 0));
  const scores = Float64Array.from(data.concepts, (c) => c.score);
  const head = { bias, folded, rest, base, weights: f64(data.head.weights), nFolded: data.head.nFolded, link: data.link };
  const at = new Map(data.concepts.map((c, i) => [c.id, i]));
  const named = new Map();
  for (const { name } of data.concepts) named.set(name, (named.get(name) ?? 0) + 1);
  // names matched to labels repeat; then the id tells which
  const told = (c) => ({ ...rounded(c), told: named.get(c.name) > 1 ? `${c.name} #${c.id}` : c.name });
  return { ...data, concepts: data.concepts.map(told), head, scores, at, codes: unpackCodes(data.codes, data.grid[0] * data.grid[1]),
    before: judge(head, scores) };
}

// Of labels that do not exclude each other the entropies of each being there add up, and no margin is.
export function judge(head, scores) {
  if (head.link === "sigmoid") {
    const q = sigmoid(logits(head, scores));
    return { p: q, top: argmax(q), entropy: entropy(q) + entropy(q.map((v) => 1 - v)), margin: null };
  }
  const p = softmax(logits(head, scores));
  return { p, top: argmax(p), entropy: entropy(p), margin: margin(p) };
}

// Scores with the edits in place; edits of concepts that were not sent change nothing.
export function edited(lab, edits) {
  const out = Float64Array.from(lab.scores);
  for (const [id, value] of edits) if (lab.at.has(id)) out[lab.at.get(id)] = value;
  return out;
}

// Six most probable before or now, and the true ones: the order stays while a handle moves.
export function shownClasses(before, now, truth, most = 6) {
  const out = topClasses(before, most);
  for (const y of [...topClasses(now, 2), ...truth]) {
    if (y !== null && y !== undefined && !out.includes(y)) out.push(y);
  }
  return out;
}

// Concepts picked as unlike one another for class y; null: Python has not answered for it yet.
export function picksOf({ diverse, at }, y) {
  return diverse[y]?.map((id) => at.get(id)).filter((i) => i !== undefined) ?? null;
}

// Rows in the chosen order, by the model's own scores: an edit never makes rows jump.
// "diverse": those picked for the class in the order picked, then the others by contribution.
export function order(lab, { sort, y, query }) {
  const picked = new Map((picksOf(lab, y) ?? []).map((i, rank) => [i, rank]));
  const parts = contributions(lab.head, lab.scores, y);
  const words = query.trim().toLowerCase();
  const keys = {
    contribution: (i) => -Math.abs(parts[i]),
    diverse: (i) => picked.get(i) ?? Infinity,
    uncertainty: (i) => -uncertainty(lab.scores[i], lab.concepts[i].absent, lab.concepts[i].present),
    labels: (i) => (disagrees(lab.concepts[i], lab.scores[i]) ? 0 : 1),
    name: () => 0,
    group: (i) => (lab.concepts[i].group === null ? "\uffff" : lab.concepts[i].group),
  }[sort];
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const next = { contribution: (i) => -Math.abs(lab.head.weights[y * lab.scores.length + i]),
    diverse: (i) => -Math.abs(parts[i]) }[sort] ?? (() => 0);
  return lab.concepts.map((_, i) => i)
    .filter((i) => !words || [lab.concepts[i].name, lab.concepts[i].id, lab.concepts[i].group, lab.concepts[i].also]
      .join(" ").toLowerCase().includes(words))
    .sort((a, b) => compare(keys(a), keys(b))
      || compare(next(a), next(b)) || compare(lab.concepts[a].name, lab.concepts[b].name) || a - b);
}

// Which rows of an order are drawn: the first `room`, and those that are `held` (edited) or in hand
// wherever they stand, but never more than `most`; then the last of the others go, then of the held.
export function shownRows(found, { room, most, held, focus }) {
  const first = new Set(found.slice(0, room));
  const stay = found.filter((i) => i === focus || held(i)).sort((a, b) => (b === focus) - (a === focus)).slice(0, most);
  const others = found.filter((i) => first.has(i) && !stay.includes(i)).slice(0, most - stay.length);
  const shown = new Set([...stay, ...others]);
  return { rows: found.filter((i) => shown.has(i)), beyond: stay.filter((i) => !first.has(i)).length,
    hidden: found.filter((i) => held(i) && !shown.has(i)).length };
}

// How many of how many, and why more than asked for, or not all that are edited.
export function countText({ rows, beyond, hidden }, n, { nFolded, picked }) {
  return [`${rows.length} of ${n} shown`, picked === null ? "" : `${picked} are unlike one another`,
    beyond ? `${beyond} below the first stay${beyond === 1 ? "s" : ""} because edited or chosen` : "",
    hidden ? `${hidden} more edited: see the edits below` : "",
    nFolded ? `${nFolded} more of this head are kept at the model\u2019s value` : ""].filter(Boolean).join("; ");
}

// [[id, absent value]] of the concepts that exclude this one.
export function siblings(lab, index, strategy = "typical") {
  const { group } = lab.concepts[index];
  if (group === null) return [];
  return lab.concepts.filter((c, i) => i !== index && c.group === group)
    .filter((c) => isPresent(c.now ?? c.score, c.absent, c.present)).map((c) => [c.id, preset(c, strategy).absent]);
}

export function moved(value, lo, hi, direction) {
  return Math.min(hi, Math.max(lo, value + (direction * (hi - lo)) / 40));
}

export function isOff(value, concept) {
  const slack = 1e-6 * Math.max(Math.abs(concept.lo), Math.abs(concept.hi));
  return value < concept.lo - slack || value > concept.hi + slack;
}

// Seen, but outside what 99 % of the train images show (and outside what is usual where the concept
// is present, or absent): between usual and off-distribution.
export function isUnusual(value, { low, high, lo, hi }) {
  if (low === null || low === undefined) return false;
  const slack = 1e-4 * (hi - lo);
  return value < low - slack || value > high + slack;
}

function disagrees({ truth, absent, present }, value) {
  if (truth === null || truth === undefined || absent === null || present === null) return false;
  return isPresent(value, absent, present) !== (truth === 1);
}

// Edits that make every concept what its label says, for those that now say otherwise.
export function corrections(lab, edits, strategy) {
  const now = edited(lab, edits);
  return lab.concepts.map((c, i) => {
    if (!disagrees(c, now[i])) return null;
    const { absent, present } = preset(c, strategy);
    const value = c.truth === 1 ? present : absent;
    return value === null ? null : [c.id, value];
  }).filter((pair) => pair !== null);
}
