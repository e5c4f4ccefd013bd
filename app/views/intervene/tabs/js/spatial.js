// Mark where concepts may be seen; scores and prediction follow at once, Python checks on release.
import { f64, mapOf, unpackCodes } from "../../../../widgets/js/codes.js";
import { chosenMaps } from "../../../../widgets/js/colour.js";
import { choice, el, fill, num, signedNum } from "../../../../widgets/js/dom.js";
import { largestGap } from "../../../../widgets/js/head.js";
import { judge } from "../../js/lab_model.js";
import { decision, verdict } from "../../js/lab_side.js";
import { cell, place, step, tokenAt } from "../../../../widgets/js/overlay.js";
import { fit, loadPicture, outline, paintMap, paintPicture } from "../../../../widgets/js/paint.js";
import { INKS } from "../../../../widgets/js/palette.js";
import { attention, formatRegions, noRegions, parseRegions, pooled, rectangle, weightElsewhere, withCells } from "./regions.js";

const CLOSE = 1e-5; // largest |difference| of a probability between browser and Python
const TOOLS = [["keep", "Keep"], ["remove", "Remove"], ["erase", "Erase"]];
const TOOL_HELP = { keep: "What is marked counts fully, everything else less",
  remove: "What is marked does not count", erase: "Takes a mark off" };
const MOST_LISTED = 10;

function buildSpatial(root) {
  const ui = { tools: el("div", { class: "cx-row-head cx-tools" }), canvas: el("canvas", { class: "cx-canvas", tabindex: 0,
    "aria-label": "Token grid: drag to mark cells, or move with the arrow keys and press Enter" }),
  caption: el("div", { class: "cx-caption cx-soft" }), decision: el("div", {}),
  check: el("div", { class: "cx-check-line", "data-role": "agreement" }), list: el("div", {}) };
  fill(root, el("div", {}, ui.tools, ui.canvas, ui.caption),
    el("div", {}, ui.decision, ui.check, ui.list));
  const view = { root, ui, data: null, picture: null, tool: "keep", from: null, at: null, pointed: null,
    base: noRegions(), live: noRegions(), told: Date.now() };
  const where = (event) => {
    const box = ui.canvas.getBoundingClientRect();
    return tokenAt(view.where.view, view.data.grid, ((event.clientX - box.left) * view.where.width) / box.width,
      ((event.clientY - box.top) * view.where.height) / box.height);
  };
  const mark = (token) => {
    view.at = token;
    if (view.from !== null) {
      view.live = withCells(view.base, rectangle(view.from, token, view.data.grid[1]), view.tool);
      update(view);
    } else paint(view);
  };
  ui.canvas.addEventListener("pointerdown", (event) => {
    const token = where(event);
    if (token < 0) return;
    ui.canvas.setPointerCapture(event.pointerId);
    view.from = token;
    mark(token);
  });
  ui.canvas.addEventListener("pointermove", (event) => {
    const token = where(event);
    if (token >= 0 && token !== view.at) mark(token);
  });
  ui.canvas.addEventListener("pointerup", () => { if (view.from !== null) { view.from = null; settle(view, view.live); } });
  ui.canvas.addEventListener("pointercancel", () => { view.from = null; view.live = view.base; update(view); });
  ui.canvas.addEventListener("pointerleave", () => { if (view.from === null) { view.at = null; paint(view); } });
  ui.canvas.addEventListener("keydown", (event) => {
    const at = view.at ?? 0;
    if (event.key === "Enter" || event.key === " ") settle(view, withCells(view.base, [at], view.tool));
    else if (event.key.startsWith("Arrow")) { view.at = view.at === null ? 0 : step(at, event.key, view.data.grid); paint(view); }
    else return;
    event.preventDefault(); event.stopPropagation();
  });
  return view;
}

function settle(view, regions) {
  view.base = regions;
  view.live = regions;
  tools(view);
  update(view);
  view.send("regions", { key: view.data.key, regions: formatRegions(regions), n: (view.told += 1) });
}

function tools(view) {
  const { ui, base, tool } = view;
  const weight = weightElsewhere(base);
  const value = el("b", { class: "cx-num" }, num(weight));
  fill(ui.tools, choice("What dragging does", TOOLS, tool, (next) => { view.tool = next; tools(view); }, TOOL_HELP),
    el("label", { class: "cx-slide", title: "How much the cells outside all marks count, 0 to 1" }, "elsewhere",
      el("input", { type: "range", min: 0, max: 1, step: 0.05, value: weight, "aria-label": "Weight elsewhere",
        oninput: (e) => { view.live = { ...view.base, elsewhere: Number(e.target.value) };
          value.textContent = num(Number(e.target.value)); update(view); },
        onchange: () => settle(view, view.live) }), value),
    el("button", { type: "button", class: "cx-link", "data-role": "clear",
      disabled: formatRegions(base) === "", onclick: () => settle(view, noRegions()) }, "Clear"));
}

function update(view) {
  const { data, live, ui } = view;
  const scores = pooled(data.scores, data.maps, attention(live, data.nTokens), data.pool);
  paint(view);
  if (scores === null) {
    view.now = null;
    fill(ui.decision, el("p", {}, "Nothing is left to average: keep some cells, or raise the weight elsewhere."));
    fill(ui.check);
    fill(ui.list);
    return;
  }
  data.fixed.forEach((value, k) => { if (value !== null) scores[k] = value; });
  view.now = { ...judge(data.head, scores), scores };
  decision(view);
  list(view);
  check(view);
}

// Concepts whose scores moved the predicted class most.
function list(view) {
  const { data, now, ui } = view;
  const y = now.top, m = data.scores.length;
  const start = Float64Array.from(data.scores, (s, k) => data.fixed[k] ?? s);
  const moved = Array.from(start, (s, k) => data.head.weights[y * m + k] * (now.scores[k] - s));
  const order = Array.from(moved.keys()).filter((k) => now.scores[k] !== start[k])
    .sort((a, b) => Math.abs(moved[b]) - Math.abs(moved[a]) || a - b).slice(0, MOST_LISTED);
  fill(ui.list, el("div", { class: "cx-row-head" }, el("b", {}, "Concepts that change"),
    el("span", { class: "cx-soft" }, `score now (was), and what that gives ${data.classes[y].name}, in logits`)),
  order.length === 0 && el("p", { class: "cx-soft" }, "Nothing is marked: drag over the picture to keep or remove a part."),
  order.map((k) => el("div", { class: "cx-moved", "data-concept": data.concepts[k].id,
    onpointerenter: () => { view.pointed = k; paint(view); }, onpointerleave: () => { view.pointed = null; paint(view); } },
  el("span", { class: "cx-name", title: data.concepts[k].name }, data.concepts[k].name),
  el("span", { class: "cx-num" }, `${num(now.scores[k])} `, el("small", { class: "cx-soft" }, `(${num(start[k])})`)),
  el("b", { class: `cx-num` }, signedNum(moved[k])))));
}

function check(view) {
  const { data, live, base, reply, root, ui } = view;
  const settled = formatRegions(base);
  const current = reply.key === data.key && reply.regions === settled && formatRegions(live) === settled && reply.p !== null;
  const gap = current ? largestGap(view.now.p, reply.p) : null;
  root.dataset.agrees = current ? String(gap <= CLOSE) : "waiting";
  fill(ui.check, verdict(gap, CLOSE));
}

function paint(view) {
  const { data, ui, where, live, pointed } = view;
  if (!view.picture) return;
  const ctx = fit(ui.canvas, where);
  paintPicture(ctx, view.picture, where);
  const weight = attention(live, data.nTokens);
  if (pointed !== null) {
    paintMap(ctx, where, data.maps[pointed], data.grid, { top: data.concepts[pointed].p99, signed: data.signed, maps: chosenMaps(),
      style: "heat", opacity: 0.7, threshold: 0.05, smooth: true });
  }
  for (let t = 0; t < data.nTokens; t += 1) {
    const c = cell(where.view, data.grid, t);
    ctx.fillStyle = `rgba(16, 22, 26, ${(0.72 * (1 - weight[t])).toFixed(3)})`;
    ctx.fillRect(c.x, c.y, c.w, c.h);
    const mine = live.keep.has(t) ? INKS.kept : live.remove.has(t) ? INKS.removed : null;
    if (mine) {
      ctx.strokeStyle = mine;
      ctx.lineWidth = 1.5;
      ctx.strokeRect(c.x + 1, c.y + 1, c.w - 2, c.h - 2);
    }
  }
  if (view.at !== null) outline(ctx, cell(where.view, data.grid, view.at), { width: 1.5 });
  fill(ui.caption, pointed !== null ? `${data.concepts[pointed].name}: full colour at ${num(data.concepts[pointed].p99)} ${data.unit}`
    : `${live.keep.size} kept (green), ${live.remove.size} removed (orange) of ${data.nTokens} cells`);
}

export default function spatial({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".cx-root");
  const view = root.view ?? (root.view = buildSpatial(root));
  const nTokens = data.grid[0] * data.grid[1];
  view.send = setStateValue;
  view.reply = { key: data.key, regions: formatRegions(parseRegions(data.reply.regions, nTokens)),
    p: data.reply.p === null ? null : f64(data.reply.p) };
  if (view.data?.key === data.key) {
    if (view.now) check(view);
    return;
  }
  const codes = unpackCodes(data.codes, nTokens);
  const scores = Float64Array.from(data.concepts, (c) => c.score), fixed = data.concepts.map((c) => c.fixed);
  const head = { base: f64(data.head.base), weights: f64(data.head.weights) };
  view.data = { ...data, nTokens, scores, fixed, head, maps: data.concepts.map((_, k) => mapOf(codes, k)),
    before: judge(head, scores.map((s, k) => fixed[k] ?? s)) };
  view.base = parseRegions(data.regions, nTokens);
  view.live = view.base;
  view.pointed = null;
  view.where = place(data.image.box, { ...data.image, most: 460 });
  Object.assign(view.ui.canvas.style, { width: `${view.where.width}px`, touchAction: "none",
    aspectRatio: `${view.where.width} / ${view.where.height}` });
  tools(view);
  update(view);
  view.picture = null;
  loadPicture(data.image.src).then((picture) => {
    if (view.data.key !== data.key) return;
    view.picture = picture;
    paint(view);
    root.dataset.ready = data.key;
  });
}
