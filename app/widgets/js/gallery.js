// Groups of thumbnails with a concept's map over each, drawn here: no control costs a rerun.
import { el, fill, num, choice } from "./dom.js";
import { chosenMaps, gradient } from "./colour.js";
import { mapChoice } from "./map_choice.js";
import { place, tokenAt } from "./overlay.js";
import { paintMap, paintPicture } from "./paint.js";
import { largest } from "./codes.js";

const STYLES = [["heat", "Heat"], ["contour", "Contour"], ["evidence", "Evidence"], ["none", "None"]];
const ABOUT = {
  heat: "Colour by value", contour: "Lines at a quarter, half and three quarters of the scale",
  evidence: "Dark where there is no evidence", none: "The picture alone",
  concept: "One range for all images, so that they compare",
  image: "Each image by its own largest value: shows where, not how much",
};
const START = { style: "heat", opacity: 0.6, threshold: 0.05, smooth: true, scale: "concept" };
const KEEP = "lucidarium.overlay";

export function remembered() {
  try { return { ...START, ...JSON.parse(sessionStorage.getItem(KEEP) ?? "{}") }; }
  catch { return { ...START }; } // storage is refused: the settings live for this page only
}

function remember(settings) {
  try { sessionStorage.setItem(KEEP, JSON.stringify({ ...settings, maps: undefined })); } catch { /* as above */ }
}

// Code at every token from stored steps; tokens null: one value a token.
export function codes(item, scale, n) {
  const out = new Float64Array(n);
  item.v.forEach((value, i) => { out[item.t === null ? i : item.t[i]] = value * scale; });
  return out;
}

const DENSE = 2; // canvas pixels a layout pixel

function paint(canvas, item, map, picture, { grid, limit, signed, side }, settings) {
  const where = place(item.box, { width: picture.naturalWidth, height: picture.naturalHeight, most: side });
  const { picture: p, view: v } = where; // exact, where the frame is rounded
  canvas.width = Math.floor(DENSE * Math.min(where.width, Math.max(p.x + p.w, v.x + v.w)));
  canvas.height = Math.floor(DENSE * Math.min(where.height, Math.max(p.y + p.h, v.y + v.h)));
  canvas.style.width = `${(100 * where.width) / side}%`;
  const ctx = canvas.getContext("2d");
  ctx.setTransform(DENSE, 0, 0, DENSE, 0, 0);
  paintPicture(ctx, picture, where);
  if (map !== null) {
    const top = settings.scale === "image" ? largest(map) : limit;
    paintMap(ctx, where, map, grid, { ...settings, top, signed });
  }
  return where;
}

function thumbnail(item, group, data, settings, redraw) {
  const canvas = el("canvas", { role: "img", "aria-label": item.alt });
  const picture = new Image();
  const map = item.v ? codes(item, group.scale, data.grid[0] * data.grid[1]) : null;
  let frame = null;
  const draw = () => {
    frame = paint(canvas, item, map, picture, { ...data, ...group }, settings);
  };
  picture.onload = () => { draw(); redraw.push(draw); };
  picture.src = item.src;
  if (map) canvas.addEventListener("pointermove", (event) => {
    const at = canvas.getBoundingClientRect();
    const x = ((event.clientX - at.x) / at.width) * (canvas.width / DENSE);
    const y = ((event.clientY - at.y) / at.height) * (canvas.height / DENSE);
    const token = frame ? tokenAt(frame.view, data.grid, x, y) : -1;
    canvas.title = token < 0 ? "outside what the model sees"
      : `${num(map[token])} ${data.unit} at row ${Math.floor(token / data.grid[1])}, column ${token % data.grid[1]}`;
  });
  return el("div", { class: "frame" }, canvas);
}

function legend(data, settings) {
  if (settings.style === "none") return el("span", { class: "legend" }, el("span", {}, "no map"));
  if (settings.scale === "image" || data.limit === null) {
    const words = settings.scale === "image" ? "each image's own largest" : "each concept's 99th percentile peak";
    return el("span", { class: "legend" }, el("span", {}, data.signed ? "−" : "0"),
      el("i", { style: { background: gradient(data.signed, settings.maps) } }), el("span", {}, words));
  }
  const top = num(data.limit);
  return el("span", {
    class: "legend",
    title: `99th percentile of the peaks over active images; larger values keep the last colour${data.signed ? ". Above 0 is for the concept, below against it" : ""}`,
  }, el("span", {}, data.signed ? `−${top}` : "0"),
  el("i", { style: { background: gradient(data.signed, settings.maps) } }), el("span", {}, `${top} ${data.unit}`));
}

function controls(bar, data, settings, change) {
  const set = (key, value) => { settings[key] = value; remember(settings); change(); controls(bar, data, settings, change); };
  const slide = (key, label, title) => el("label", { title }, label, el("input", {
    type: "range", min: 0, max: 1, step: 0.01, value: settings[key], "aria-label": label,
    oninput: (event) => { settings[key] = Number(event.target.value); remember(settings); change(); },
  }));
  fill(bar, choice("Map style", STYLES, settings.style, (v) => set("style", v), ABOUT),
    slide("opacity", "Opacity", "How much of the map covers the picture"),
    slide("threshold", "Threshold", "Hide values below this share of the scale's top"),
    el("label", { title: "Bilinear between token centres, or one square a token" },
      el("input", { type: "checkbox", checked: settings.smooth, onchange: (e) => set("smooth", e.target.checked) }), "Smooth"),
    el("label", {}, "Scale", choice("Scale", [["concept", "Concept"], ["image", "Image"]],
      settings.scale, (v) => set("scale", v), ABOUT)),
    mapChoice(data.signed, settings.maps, (maps) => { settings.maps = maps; change(); controls(bar, data, settings, change); }),
    legend(data, settings));
}

export default function gallery({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".gal");
  root.style.setProperty("--side", `${data.side}px`);
  const settings = { ...(data.maps ? remembered() : { ...START, style: "none" }), maps: chosenMaps() };
  const redraw = [];
  let waiting = 0;
  const change = () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => redraw.forEach((draw) => draw()));
  };
  const lines = (item) => item.lines.map((line, i) => el("div", {
    class: `line${i === 0 ? " first" : ""}${line.wrong ? " wrong" : ""}`, title: line.title ?? line.text,
  }, line.text));
  const groups = data.groups.map((group) => {
    const frames = group.items.map((item) => thumbnail(item, group, data, settings, redraw));
    if (data.cards) {
      return el("button", {
        class: "card", type: "button", title: group.title, "aria-label": `Open ${group.title}`,
        onclick: () => setTriggerValue("open", group.id),
      }, el("div", { class: "row" }, frames.length ? frames : el("div", { class: "none" }, "no image activates it")),
      el("h4", {}, group.title), lines(group));
    }
    return el("section", {}, group.title ? el("h4", {}, group.title, el("small", { title: group.about ?? "" }, group.note ?? "")) : null,
      el("div", { class: "row" }, group.items.map((item, i) => el("button", {
        class: "item", type: "button", "aria-label": `Open ${item.alt}`,
        onclick: () => setTriggerValue("open", item.id),
      }, frames[i], lines(item)))));
  });
  const bar = el("div", { class: "bar top" });
  if (data.maps) controls(bar, data, settings, change);
  fill(root, data.maps ? bar : null, data.cards ? el("div", { class: "cards" }, groups) : groups);
  return () => cancelAnimationFrame(waiting);
}
