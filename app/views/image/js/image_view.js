// The image page's element: a large picture with one map over it, and what its patches say.
// All but "another image, bank or head" happens here; Python hears of a locked map for the address.
import { atTokens, f64, i16, largest, mapOf, u32, unpackCodes } from "../../../widgets/js/codes.js";
import { choice, el, fill, num } from "../../../widgets/js/dom.js";
import { classLayers } from "./class_map.js";
import { chosenMaps } from "../../../widgets/js/colour.js";
import { mapChoice } from "../../../widgets/js/map_choice.js";
import { legend, tooltip, truth } from "./image_marks.js";
import { cell, place, step, tokenAt, unrun } from "../../../widgets/js/overlay.js";
import { fit, loadPicture, outline, paintMap, paintPicture } from "../../../widgets/js/paint.js";
import { ranked, sidePanel } from "./image_side.js";

const MOST = 560; // layout pixels of the picture's longer side
const STYLES = [["heat", "Heat"], ["evidence", "Evidence"], ["contour", "Contour"], ["none", "None"]];

function unpackView(data) {
  const [h, w] = data.grid;
  const view = {
    ...data,
    codes: unpackCodes(data.codes, h * w),
    scores: f64(data.concepts.scores), p99: f64(data.concepts.p99), most: f64(data.concepts.most), mapR: f64(data.concepts.mapR),
    weights: data.weights === null ? null : f64(data.weights),
    saliency: data.saliency.map((s) => ({
      ...s, map: Float64Array.from(i16(s.values), (v) => v * s.scale), grid: [s.h, s.w],
    })),
    masks: data.masks.map((m) => ({ ...m, inside: unrun(u32(m.runs), m.h * m.w) })),
  };
  view.saliency.push(...classLayers(view, data.chosen));
  return view;
}

// What lies under the overlay: { map, grid, signed, unit, top, name } for a concept or saliency.
function layerOf(data, chosen, scaleMode) {
  if (!chosen) return null;
  if (chosen.kind === "saliency") {
    const s = data.saliency[chosen.index];
    return { map: s.map, grid: s.grid, signed: s.signed, unit: s.unit, top: largest(s.map),
      name: `${s.title} for ${s.cls}`, range: "largest of this map" };
  }
  const map = mapOf(data.codes, chosen.index);
  const whole = scaleMode === "concept" && data.p99[chosen.index] > 0;
  return { map, grid: data.grid, signed: data.signed, unit: data.unit,
    name: data.concepts.names[chosen.index], top: whole ? data.p99[chosen.index] : largest(map),
    range: whole ? "99th percentile of its peaks in the store" : "largest of this image" };
}

function build(root) {
  const ui = { canvas: el("canvas", { class: "cx-canvas", tabindex: 0, role: "img" }),
    tip: el("div", { class: "cx-tip" }), bar: el("div", { class: "cx-bar" }),
    legend: el("div", { class: "cx-legend" }), patch: el("div", { class: "cx-patch" }),
    side: el("div", { class: "cx-side" }) };
  fill(root, el("div", { class: "cx-left" }, ui.bar,
    el("div", { class: "cx-stage" }, ui.canvas, ui.tip), ui.legend, ui.patch), ui.side);
  const view = { ui, data: null, picture: null, hover: null, pointer: null, token: -1,
    state: { locked: null, against: null, tokens: [], how: "max", style: "heat", opacity: 0.65, threshold: 0.05,
      smooth: true, scale: "concept", sort: null, diverse: false, limit: 12, tab: "concepts", y: null, parts: false,
      mask: null, maps: chosenMaps() } };
  view.draw = () => draw(view);
  view.refresh = () => { toolbar(view); draw(view); patchPanel(view); sidePanel(view); };
  view.lock = (chosen) => {
    const same = JSON.stringify(chosen) === JSON.stringify(view.state.locked);
    view.state.locked = same ? null : chosen;
    if (chosen.kind === "concept") view.state.against = same ? null : chosen.index;
    view.hover = null;
    view.refresh();
    const now = view.state.locked;
    view.send("shown", now === null ? "" : now.kind === "saliency"
      ? `m:${view.data.saliency[now.index].method}` : `c:${view.data.concepts.ids[now.index]}`);
  };
  view.preview = (chosen) => { view.hover = chosen; draw(view); };
  listen(view);
  return view;
}

function listen(view) {
  const { canvas } = view.ui;
  const tokenOf = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * view.where.width;
    const y = ((event.clientY - box.top) / box.height) * view.where.height;
    view.pointer = { x, y };
    return tokenAt(view.where.view, view.data.grid, x, y);
  };
  canvas.addEventListener("pointermove", (event) => {
    if (!view.where) return;
    view.token = tokenOf(event);
    draw(view);
  });
  canvas.addEventListener("pointerleave", () => { view.token = -1; view.pointer = null; draw(view); });
  canvas.addEventListener("click", (event) => {
    const token = tokenOf(event), { tokens } = view.state;
    if (token < 0) return;
    if (event.shiftKey) {
      view.state.tokens = tokens.includes(token) ? tokens.filter((t) => t !== token) : [...tokens, token];
    } else view.state.tokens = tokens.length === 1 && tokens[0] === token ? [] : [token];
    canvas.focus();
    draw(view); patchPanel(view);
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Escape") view.state.tokens = [];
    else if (event.key.startsWith("Arrow") && view.state.tokens.length) {
      const { tokens } = view.state;
      view.state.tokens = [step(tokens[tokens.length - 1], event.key, view.data.grid)];
    } else return;
    event.preventDefault(); event.stopPropagation();
    view.token = -1;
    draw(view); patchPanel(view);
  });
}

function draw(view) {
  const { data, picture, state, ui } = view;
  if (!data || !picture) return;
  const ctx = fit(ui.canvas, view.where);
  paintPicture(ctx, picture, view.where);
  const layer = layerOf(data, view.hover ?? state.locked, state.scale);
  if (layer) paintMap(ctx, view.where, layer.map, layer.grid, { ...layer, ...state });
  truth(ctx, view);
  for (const t of state.tokens) outline(ctx, cell(view.where.view, data.grid, t));
  if (view.token >= 0) outline(ctx, cell(view.where.view, data.grid, view.token), { width: 1 });
  legend(view, layer);
  tooltip(view);
}

function toolbar(view) {
  const { state, data, ui } = view;
  const set = (changes) => { Object.assign(state, changes); view.refresh(); };
  const slider = (label, name, title) => el("label", { class: "cx-slide", title }, label,
    el("input", { type: "range", min: 0, max: 1, step: 0.01, value: state[name], "aria-label": label,
      oninput: (e) => { state[name] = Number(e.target.value); draw(view); } }));
  fill(ui.bar,
    choice("Style", STYLES, state.style, (style) => set({ style }), {
      heat: "Colour where the map is strong", evidence: "Darken where the map is weak",
      contour: "Lines at 25, 50 and 75 % of the scale", none: "The picture alone" }),
    slider("Opacity", "opacity", "How much of the picture the map covers"),
    slider("Threshold", "threshold", "Hide values smaller than this share of the scale"),
    choice("Sampling", [[true, "Smooth"], [false, "Patches"]], state.smooth, (smooth) => set({ smooth }),
      { true: "Bilinear between patch centres", false: "One colour a patch, as computed" }),
    choice("Scale", [["concept", "Store scale"], ["image", "Image scale"]], state.scale, (scale) => set({ scale }),
      { concept: "One scale for the concept in every image: images compare",
        image: "Up to this image's largest value: weak maps look strong" }),
    [data.signed, !data.signed].map((signed) => mapChoice(signed, state.maps, (maps) => set({ maps }))),
    data.parts.length > 0 && el("label", { class: "cx-check", title: "Annotated part points" },
      el("input", { type: "checkbox", checked: state.parts,
        onchange: (e) => { state.parts = e.target.checked; draw(view); } }), `Parts (${data.parts.length})`),
    data.masks.length > 0 && el("select", { "aria-label": "Part mask", title: "Annotated part masks",
      onchange: (e) => { state.mask = e.target.value === "" ? null : Number(e.target.value); draw(view); } },
    el("option", { value: "" }, `Masks (${data.masks.length})`),
    data.masks.map((m, i) => el("option", { value: String(i) }, m.part))));
}

function patchPanel(view) {
  const { ui, data, state } = view;
  if (!state.tokens.length) { fill(ui.patch); return; }
  const found = atTokens(data.codes, state.tokens, state.how), shown = found.slice(0, 32);
  fill(ui.patch,
    el("div", { class: "cx-row-head" }, el("b", {}, state.tokens.length === 1 ? "1 patch"
      : `${state.tokens.length} patches`), el("span", { class: "cx-soft" }, ` ${found.length} concepts `
      + `active${found.length > 32 ? ", the 32 strongest" : ""} · code in ${data.unit}`),
    state.tokens.length > 1 && choice("Joined by", [["max", "Max"], ["mean", "Mean"]], state.how,
      (how) => { state.how = how; patchPanel(view); }),
    el("button", { type: "button", class: "cx-link", onclick: () => {
      state.tokens = []; draw(view); patchPanel(view); } }, "clear (Esc)")),
    el("div", { class: "cx-chips" }, shown.map(({ index, value }) => el("button", { type: "button",
      class: "cx-chip", title: `${data.concepts.names[index]}: ${num(value)} ${data.unit}`,
      onpointerenter: () => view.preview({ kind: "concept", index }),
      onpointerleave: () => view.preview(null), onclick: () => view.lock({ kind: "concept", index }) },
    el("span", {}, data.concepts.names[index]), el("b", {}, num(value))))));
}

export default function imageView({ data, parentElement, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector(".cx-root");
  const view = root.view ?? (root.view = build(root));
  view.send = setStateValue;
  view.open = (id) => setTriggerValue("open", id);
  if (view.data?.key === data.key) return;
  const fresh = view.data?.bank !== data.bank || view.data?.image.id !== data.image.id;
  view.data = unpackView(data);
  view.where = place(data.image.box, { ...data.image, most: MOST });
  Object.assign(view.ui.canvas.style, { aspectRatio: `${view.where.width} / ${view.where.height}` });
  view.ui.canvas.style.maxWidth = `${view.where.width}px`;
  view.ui.canvas.setAttribute("aria-label", `Image ${data.image.id}. Click a patch, then use arrows.`);
  view.hover = null; view.token = -1; view.pointer = null;
  Object.assign(view.state, { tokens: [], mask: null, y: data.chosen,
    sort: view.weights === null ? "share" : view.state.sort ?? data.sort });
  if (data.weights === null && view.state.sort === "contribution") view.state.sort = "share";
  if (fresh) {
    const first = ranked(view.data, view.state.sort, view.state.y)[0];
    view.state.locked = data.show !== "strongest" ? data.show
      : first ? { kind: "concept", index: first.index } : null;
    view.state.against = view.state.locked?.kind === "concept" ? view.state.locked.index : null;
  }
  loadPicture(data.image.src).then((picture) => {
    if (view.data.key !== data.key) return;
    view.picture = picture;
    root.dataset.ready = data.key;
    view.refresh();
  });
}
