// The intervention element: move concepts, see the decision move at once; Python checks on release.
import { mapOf, f64 } from "../../../widgets/js/codes.js";
import { chosenMaps } from "../../../widgets/js/colour.js";
import { commit, formatEdits, parseEdits, redo, startHistory, tidy, undo, withEdit } from "./edits.js";
import { largestGap } from "../../../widgets/js/head.js";
import { el, fill } from "../../../widgets/js/dom.js";
import { corrections, edited, judge, moved, preset, siblings, unpackLab } from "./lab_model.js";
import { place } from "../../../widgets/js/overlay.js";
import { fit, loadPicture, paintMap, paintPicture } from "../../../widgets/js/paint.js";
import { buildRows, labTools, updateRows } from "./lab_rows.js";
import { decision, historyBox, labCaption, verdict, waterfallBox } from "./lab_side.js";

const AGREE = 1e-5; // largest |difference| of a probability between browser and Python

function buildLab(root) {
  const ui = { canvas: el("canvas", { class: "cx-canvas" }), caption: el("div", { class: "cx-caption cx-soft" }),
    decision: el("div", {}), check: el("div", { class: "cx-check-line", "data-role": "agreement" }),
    waterfall: el("div", {}), tools: el("div", { class: "cx-row-head cx-tools" }),
    values: el("div", {}), rows: el("div", { class: "cx-rows" }), history: el("div", { class: "cx-history" }) };
  fill(root, el("div", { class: "cx-decide" }, ui.canvas, ui.caption, ui.decision, ui.check, ui.waterfall),
    el("div", { class: "cx-work" }, ui.tools, ui.values, ui.rows, ui.history));
  const lab = { root, ui, data: null, picture: null, live: new Map(), history: startHistory(new Map()),
    rows: [], focus: null, pointed: null, reply: null, y: 0, told: Date.now(),
    state: { sort: "contribution", query: "", limit: 12, groups: true, values: "typical" } };
  Object.assign(lab, actions(lab));
  root.tabIndex = -1;
  root.addEventListener("keydown", (event) => keys(lab, event));
  return lab;
}

function actions(lab) {
  const settle = (edits) => {
    lab.history = commit(lab.history, edits);
    lab.live = lab.history.now;
    lab.update();
    lab.tell();
  };
  return {
    // While a handle moves: recompute here, tell nobody.
    drag: (index, value) => {
      const { id, lo, hi } = lab.data.concepts[index];
      lab.live = withEdit(lab.history.now, id, tidy(value, lo, hi));
      lab.update();
    },
    release: () => settle(lab.live),
    set: (index, value) => {
      const c = lab.data.concepts[index];
      const { values } = lab.state;
      const clears = lab.state.groups && value !== null && value === preset(c, values).present;
      const now = edited(lab.data, lab.live);
      lab.data.concepts.forEach((other, i) => { other.now = now[i]; });
      settle(withEdit(lab.live, c.id, value, clears ? siblings(lab.data, index, values) : []));
    },
    // What cannot be a score is put back to the value in use.
    type: (index, text) => {
      const typed = parseEdits(`0:${text}`).get(0);
      if (typed === undefined) lab.update();
      else lab.set(index, typed);
    },
    undo: () => { lab.history = undo(lab.history); lab.live = lab.history.now; lab.update(); lab.tell(); },
    redo: () => { lab.history = redo(lab.history); lab.live = lab.history.now; lab.update(); lab.tell(); },
    reset: () => settle(new Map()),
    // What the label says of one concept, or of all that now say otherwise.
    correct: (index) => {
      const c = lab.data.concepts[index], { absent, present } = preset(c, lab.state.values);
      const value = c.truth === 1 ? present : c.truth === 0 ? absent : null;
      if (value !== null) lab.set(index, value);
    },
    correctAll: () => settle(new Map([...lab.live, ...corrections(lab.data, lab.live, lab.state.values)])),
    remove: (id) => settle(withEdit(lab.live, id, null)),
    // The address also learns of the class whose weights are shown. The count makes every message
    // new: the same edits after a look at another image must reach Python again.
    tell: () => lab.send("edits", { key: lab.data.key, edits: formatEdits(lab.history.now),
      y: lab.data.classes[lab.y].id, values: lab.state.values, n: (lab.told += 1) }),
    setting: (values) => { lab.state.values = values; lab.rebuild(); lab.tell(); },
    choose: (y) => { lab.y = y; lab.rebuild(); lab.tell(); },
    point: (index) => { if (lab.pointed !== index) { lab.pointed = index; lab.paint(); } },
    rebuild: () => { labTools(lab); buildRows(lab); lab.update(); },
    update: () => {
      const started = performance.now();
      const scores = edited(lab.data, lab.live);
      lab.now = { ...judge(lab.data.head, scores), scores };
      updateRows(lab);
      decision(lab);
      waterfallBox(lab);
      historyBox(lab);
      check(lab);
      lab.root.dataset.frame = (performance.now() - started).toFixed(2);
    },
    paint: () => {
      if (!lab.picture) return;
      const { data, ui, where } = lab;
      const ctx = fit(ui.canvas, where);
      paintPicture(ctx, lab.picture, where);
      labCaption(lab);
      if (lab.pointed === null) return;
      const c = data.concepts[lab.pointed];
      paintMap(ctx, where, mapOf(data.codes, lab.pointed), data.grid, { top: c.p99, signed: data.signed, maps: chosenMaps(),
        style: "heat", opacity: 0.7, threshold: 0.05, smooth: true });
    },
  };
}

// Python's answer counts only for exactly the edits that stand here; older ones are passed over.
function check(lab) {
  const settled = formatEdits(lab.history.now), live = formatEdits(lab.live);
  const current = lab.reply !== null && lab.reply.key === lab.data.key && lab.reply.edits === settled
    && live === settled;
  const gap = current ? largestGap(lab.now.p, lab.reply.p) : null;
  lab.root.dataset.agrees = current ? String(gap <= AGREE) : "waiting";
  fill(lab.ui.check, verdict(gap, AGREE));
}

// What a button beside the element asks for: edits to take over, a concept to lay before the person.
function obey(lab, { edits, focus }) {
  if (edits !== null) {
    lab.history = commit(lab.history, parseEdits(edits));
    lab.live = lab.history.now;
  }
  lab.focus = lab.data.at.get(focus) ?? null;
  lab.rebuild();
  lab.rows.find((row) => row.index === lab.focus)?.handle.focus({ preventScroll: edits !== null });
}

function keys(lab, event) {
  const typing = event.composedPath()[0]?.matches?.("input[type=search], input[type=number], select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const shown = lab.rows.map((r) => r.index);
  const at = shown.indexOf(lab.focus);
  const c = at < 0 ? null : lab.data.concepts[lab.focus];
  const value = c && lab.now.scores[lab.focus], sets = c && preset(c, lab.state.values);
  const go = (to) => lab.rows[Math.min(shown.length - 1, Math.max(0, to))]?.handle.focus();
  const nudge = (d) => lab.set(lab.focus, tidy(moved(value, c.lo, c.hi, d), c.lo, c.hi));
  const done = {
    ArrowDown: () => go(at + 1), ArrowUp: () => go(at - 1),
    ArrowLeft: () => c && nudge(-1), ArrowRight: () => c && nudge(1),
    0: () => c && sets.absent !== null && lab.set(lab.focus, sets.absent),
    1: () => c && sets.present !== null && lab.set(lab.focus, sets.present),
    t: () => c && lab.correct(lab.focus), T: lab.correctAll,
    a: () => c && lab.set(lab.focus, null), u: lab.undo, U: lab.redo, R: lab.reset,
  }[event.key];
  if (!done) return;
  event.preventDefault(); event.stopPropagation();
  done();
}

export default function headLab({ data, parentElement, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector(".cx-root");
  const lab = root.lab ?? (root.lab = buildLab(root));
  const first = lab.data === null;
  if (data.concepts === undefined && lab.data?.key !== data.key) { // a reply alone, to what is not here
    setTriggerValue("lacks", data.key);
    return;
  }
  const fresh = !first && data.order && data.order.n !== lab.obeyed;
  lab.obeyed = data.order?.n;
  lab.send = setStateValue;
  lab.reply = { key: data.key, edits: formatEdits(parseEdits(data.reply.edits)), p: f64(data.reply.p) };
  if (lab.data?.key === data.key) { // an answer: what stands here stays
    const late = lab.state.sort === "diverse" && !lab.data.diverse[lab.y] && data.diverse[lab.y];
    lab.data.diverse = { ...lab.data.diverse, ...data.diverse };
    if (late) lab.rebuild();
    if (fresh) obey(lab, data.order);
    check(lab);
    return;
  }
  lab.data = unpackLab(data);
  lab.history = startHistory(parseEdits(data.edits));
  lab.live = lab.history.now;
  lab.y = data.y;
  lab.focus = null;
  lab.pointed = null;
  lab.state.query = "";
  lab.state.values = data.values;
  lab.where = place(data.image.box, { ...data.image, most: 300 });
  Object.assign(lab.ui.canvas.style, { width: `${lab.where.width}px`,
    aspectRatio: `${lab.where.width} / ${lab.where.height}` });
  if (fresh) obey(lab, { edits: null, focus: data.order.focus });
  else lab.rebuild();
  lab.picture = null;
  loadPicture(data.image.src).then((picture) => {
    if (lab.data.key !== data.key) return;
    lab.picture = picture;
    lab.paint();
    root.dataset.ready = data.key;
  });
}
