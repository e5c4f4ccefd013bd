// Right of the picture: concepts ranked, saliency maps side by side, labels beside scores.
import { CLASS_MAP, classLayers } from "./class_map.js";
import { largest, mapOf, mean, resample, spearman } from "../../../widgets/js/codes.js";
import { chance, choice, el, fill, idOf, num, percent, signedNum } from "../../../widgets/js/dom.js";
import { cancelled, OF_LOGIT, sharesOfSum } from "../../../widgets/js/head.js";
import { fit, paintMap, paintPicture } from "../../../widgets/js/paint.js";
import { place } from "../../../widgets/js/overlay.js";

const SORTS = { contribution: "Contribution", score: "Score", share: "Score / max" };
const DIVERSE = "Concepts that fire on the same images say the same thing twice. Chosen greedily for a large value and "
  + "for scores over images unlike those already chosen (a determinantal point process), 32 at most";
const POOLED = { mean: "Mean", max: "Largest" }; // by bank.pool
const HELP = {
  contribution: "Weight of the class times the concept's score, in logits: what it adds to the class",
  score: "The concept's codes over the patches in one number: their mean, or their largest", share: "Score over the largest score of this "
    + "concept in the store: how strong it is for its kind" };

// [{ index, value, score }] strongest first; value is what the list is sorted by.
export function ranked({ scores, weights, most }, sort, y) {
  const m = scores.length;
  const value = (k) => sort === "contribution" ? weights[y * m + k] * scores[k]
    : sort === "share" ? (most[k] > 0 ? scores[k] / most[k] : 0) : scores[k];
  return Array.from(scores, (score, index) => ({ index, score, value: value(index) }))
    .filter((row) => row.value !== 0)
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.index - b.index);
}

// Which rows of `ranked` the list shows: the largest, or those picked as unlike one another.
export function listed(data, rows, { sort, y, diverse, limit }) {
  if (!diverse) return { of: rows, shown: rows.slice(0, limit) };
  const at = new Map(rows.map((row) => [row.index, row]));
  const of = data.diverse[sort][sort === "contribution" ? y : 0].map((i) => at.get(i)).filter((row) => row);
  return { of, shown: of.slice(0, limit) };
}

// The logit of class y in one line: what is shown, the other concepts, the image's rest, the bias.
export function logitParts({ scores, weights, classes, residual }, shown, y) {
  const m = scores.length, { logit, bias } = classes[y];
  const sum = (rows) => rows.reduce((total, row) => total + row.value, 0);
  const every = Array.from(scores, (s, k) => ({ value: weights[y * m + k] * s }));
  const all = residual ? sum(every) : logit - bias;
  const parts = [...shown.map((row) => row.value), all - sum(shown), ...(residual ? [logit - bias - all] : [])];
  const shares = sharesOfSum(parts), n = shown.length;
  return { logit, bias, shares, shown: { value: sum(shown), share: shares.slice(0, n).reduce((a, b) => a + b, 0) },
    others: { n: every.filter((row) => row.value !== 0).length - n, value: parts[n], share: shares[n] },
    rest: residual ? { value: parts[n + 1], share: shares[n + 1] } : null, cancels: cancelled(parts) };
}

// A map's mean (or largest value) is its concept's score; stored codes are steps of `scale`, so
// half a step is exact.
export function poolCheck(map, score, scale, how = "mean") {
  const found = how === "max" ? Math.max(...map) : mean(map);
  return { found, gap: Math.abs(found - score),
    exact: Math.abs(found - score) <= scale / 2 + 1e-6 * (Math.abs(score) + largest(map)) };
}

export function sidePanel(view) {
  const { data, state, ui } = view;
  const tabs = [["concepts", `Concepts (${data.scores.length})`],
    ["saliency", `Saliency (${data.saliency.length})`], ["labels", `Labels (${data.labels.length})`]];
  fill(ui.side, el("div", { class: "cx-tabs", role: "tablist" }, tabs.map(([tab, label]) =>
    el("button", { type: "button", role: "tab", "aria-selected": tab === state.tab,
      class: tab === state.tab ? "on" : "", onclick: () => { state.tab = tab; sidePanel(view); } }, label))),
  { concepts: conceptList, saliency: saliencyList, labels: labelList }[state.tab](view));
}

function mini(view, map, { grid, signed, top, size }) {
  const canvas = el("canvas", { class: "cx-mini" });
  const where = place(view.data.image.box, { ...view.data.image, most: size });
  canvas.style.width = `${where.width}px`;
  canvas.style.height = `${where.height}px`;
  const ctx = fit(canvas, where);
  if (view.picture) paintPicture(ctx, view.picture, where);
  paintMap(ctx, where, map, grid,
    { top, signed, maps: view.state.maps, style: "heat", opacity: 0.8, threshold: 0, smooth: true });
  return canvas;
}

function conceptList(view) {
  const { data, state } = view;
  const sorts = Object.entries(SORTS).filter(([key]) => key !== "contribution" || data.weights);
  const rows = ranked(data, state.sort, state.y), { of, shown } = listed(data, rows, state);
  const parts = state.sort === "contribution" ? logitParts(data, shown, state.y) : null;
  const top = rows.length ? Math.abs(rows[0].value) : 1;
  const again = (changes) => {
    Object.assign(state, changes);
    if ("y" in changes) {
      data.saliency = [...data.saliency.filter((s) => s.method !== CLASS_MAP), ...classLayers(data, state.y)];
      view.draw();
    }
    sidePanel(view);
  };
  return [
    el("div", { class: "cx-row-head" },
      choice("Sort", sorts, state.sort, (sort) => again({ sort }), HELP),
      el("label", { class: "cx-check", title: DIVERSE }, el("input", { type: "checkbox", checked: state.diverse,
        "data-role": "diverse", onchange: (e) => again({ diverse: e.target.checked }) }), "diverse"),
      state.sort === "contribution" && el("label", { class: "cx-soft" }, "to ", el("select", {
        "aria-label": "Class", onchange: (e) => again({ y: Number(e.target.value) }) },
      data.classes.map((c, i) => el("option", { value: String(i), selected: i === state.y },
        `${c.name} (${chance(c.p)})`)))),
      el("span", { class: "cx-soft cx-right", title: HELP[state.sort] }, state.sort === "contribution"
        ? `logits and share of the logit, head “${data.head}”` : state.sort === "score" ? data.unit : "share of its largest")),
    rows.length === 0 && el("p", { class: "cx-soft" }, state.sort === "contribution"
      ? "No concept with a weight for this class is active in this image."
      : "No concept of this bank is active in this image."),
    el("div", { class: "cx-concepts" }, shown.map((row, i) => conceptRow(view, row, { top, share: parts?.shares[i] }))),
    el("div", { class: "cx-row-head" },
      of.length > shown.length && state.limit < 32 && el("button", { type: "button", class: "cx-link",
        onclick: () => again({ limit: 32 }) }, `more (to ${Math.min(32, of.length)})`),
      state.limit > 12 && el("button", { type: "button", class: "cx-link",
        onclick: () => again({ limit: 12 }) }, "fewer"),
      el("span", { class: "cx-soft", "data-role": "count" }, `${shown.length} of ${rows.length} ${
        state.sort === "contribution" ? "with a contribution to the class" : "active here"} shown${
        state.diverse ? ", unlike one another" : ""}`)),
    parts && sumLine(parts, shown.length),
    lockedFacts(view)];
}

function sumLine({ logit, bias, shown, others, rest, cancels }, n) {
  const piece = (name, { value, share }) => `${name} ${signedNum(value)} (${percent(share)})`;
  return el("p", { class: "cx-soft cx-logit", title: OF_LOGIT, "data-role": "logit" },
    [`logit ${num(logit)} = bias ${signedNum(bias)}`, piece(`these ${n}`, shown),
      others.n > 0 ? piece(`${others.n} other concepts`, others) : "", rest ? piece("rest of the image", rest) : ""]
      .filter(Boolean).join(" \u00b7 "),
    cancels && el("b", { class: "cx-bad" }, " Parts for and against nearly cancel: go by the logits, not by the shares."));
}

function conceptRow(view, { index, value, score }, { top, share }) {
  const { data, state } = view;
  const map = mapOf(data.codes, index), chosen = { kind: "concept", index };
  const on = state.locked?.kind === "concept" && state.locked.index === index;
  const width = (50 * Math.abs(value)) / top;
  const name = data.concepts.names[index];
  return el("div", { class: `cx-concept${on ? " on" : ""}`, tabindex: 0, role: "button",
    "aria-pressed": on, "data-concept": data.concepts.ids[index], title: name,
    onpointerenter: () => view.preview(chosen), onpointerleave: () => view.preview(null),
    onclick: () => view.lock(chosen),
    onkeydown: (e) => { if (e.key === "Enter") view.lock(chosen); } },
  mini(view, map, { ...data, top: data.p99[index] || largest(map), size: 44 }),
  el("div", { class: "cx-concept-name" }, el("span", { class: "cx-name" }, name),
    el("small", { class: "cx-soft" }, `${idOf(data.concepts.ids[index], name)} score ${num(score)}`)),
  el("div", { class: "cx-signed", title: HELP[state.sort] }, el("i", { class: value < 0 ? "neg" : "pos",
    style: { left: value < 0 ? `${50 - width}%` : "50%", width: `${width}%` } })),
  el("div", { class: "cx-value" }, state.sort === "share" ? num(value) : signedNum(value),
    share !== undefined && el("small", { class: "cx-soft", title: OF_LOGIT }, percent(share))));
}

function lockedFacts(view) {
  const { data, state } = view;
  if (state.locked?.kind !== "concept") return null;
  const { index } = state.locked;
  return el("div", { class: "cx-facts" },
    el("div", {}, el("b", {}, data.concepts.names[index]), ` ${idOf(data.concepts.ids[index], data.concepts.names[index])}`),
    data.pool === "cls" ? fromCls(data, index) : fromMap(data, index),
    el("button", { type: "button", class: "cx-link", "data-role": "open",
      onclick: () => view.open(data.concepts.ids[index]) }, "Open this concept →"));
}

// A score that the map does not add up to: how far both go together over images.
function fromCls(data, index) {
  const r = data.mapR[index];
  return el("div", { title: "The score is read from the CLS token; the map shows the same direction over patches and does not sum to it" },
    `score ${num(data.scores[index], 6)} from the CLS token · map mean ${num(mean(mapOf(data.codes, index)), 6)}`,
    Number.isNaN(r) ? "" : ` · over images they correlate by ${num(r)}`);
}

function fromMap(data, index) {
  const check = poolCheck(mapOf(data.codes, index), data.scores[index], data.codes.scales[index], data.pool);
  return el("div", { title: `The stored score is the ${POOLED[data.pool].toLowerCase()} value of the map; the map is stored in 16-bit steps` },
      `map ${data.pool} ${num(check.found, 6)} · score ${num(data.scores[index], 6)} `,
      el("span", { class: check.exact ? "cx-good" : "cx-bad" }, check.exact
        ? "✓ exact (within half a stored step)" : `✗ differ by ${num(check.gap)}`));
}

function saliencyList(view) {
  const { data, state } = view;
  if (!data.saliency.length) return el("p", { class: "cx-soft" }, data.saliencyNote);
  const concept = state.against;
  const against = concept === null ? null : mapOf(data.codes, concept);
  return [
    el("p", { class: "cx-soft" }, concept === null
      ? "Each on its own scale. Lock a concept to see how far each map agrees with it."
      : `ρ: rank correlation with “${data.concepts.names[concept]}” over ${against.length} patches; chance 0.`),
    data.saliency.every((s) => s.method === CLASS_MAP) && el("p", { class: "cx-soft" }, data.saliencyNote),
    el("div", { class: "cx-maps" }, data.saliency.map((s, index) => {
      const top = largest(s.map), chosen = { kind: "saliency", index };
      const on = state.locked?.kind === "saliency" && state.locked.index === index;
      const rho = against && spearman(resample(s.map, s.grid, data.grid), against);
      return el("div", { class: `cx-map${on ? " on" : ""}`, tabindex: 0, role: "button", title: s.about,
        "aria-pressed": on, "data-method": s.method,
        onpointerenter: () => view.preview(chosen), onpointerleave: () => view.preview(null),
        onclick: () => view.lock(chosen),
        onkeydown: (e) => { if (e.key === "Enter") view.lock(chosen); } },
      mini(view, s.map, { ...s, top, size: 168 }), el("b", {}, s.title),
      el("small", { class: "cx-soft" }, `${s.signed ? "signed ±" : "0 to "}${num(top)} ${s.unit} · for ${s.cls}`),
      against && el("small", {}, Number.isNaN(rho) ? "ρ undefined: a map is constant" : `ρ = ${num(rho)}`));
    }))];
}

function labelList(view) {
  const { data } = view;
  if (!data.labels.length) {
    return el("p", { class: "cx-soft" }, "No concept is labelled on this image, so scores cannot be held against labels.");
  }
  const index = new Map(data.concepts.ids.map((id, i) => [id, i]));
  return el("table", { class: "cx-table" }, el("thead", {}, el("tr", {},
    ["Labelled concept", "Group", "On the image", `Score in “${data.bank}”`].map((t) => el("th", {}, t)))),
  el("tbody", {}, data.labels.map((row) => {
    const at = index.get(row.concept);
    return el("tr", { class: at === undefined ? "" : "can",
      onpointerenter: () => at !== undefined && view.preview({ kind: "concept", index: at }),
      onpointerleave: () => view.preview(null),
      onclick: () => at !== undefined && view.lock({ kind: "concept", index: at }) },
    el("td", { title: row.name }, row.name), el("td", { class: "cx-soft" }, row.grouping ?? ""),
    el("td", {}, row.present ? "● present" : "○ absent"),
    el("td", { class: "cx-num", title: row.score === null ? "The bank has no concept fitted to this label" : "" },
      row.score === null ? "–" : signedNum(row.score)));
  })));
}
