// Images on a plane, coloured by group; hover shows the image.
import { INKS } from "./palette.js";
import { el, fill, num, signedNum } from "./dom.js";

const NS = "http://www.w3.org/2000/svg";
const PAD = 26;

// Where points go in a box: equal scale on both axes, so that distances compare.
export function fit(points, width, height, pad = PAD) {
  const span = (values) => {
    const low = Math.min(...values), high = Math.max(...values);
    return { low, high, size: Math.max(high - low, 1e-9) };
  };
  if (!points.length) return { scale: 1, x: () => width / 2, y: () => height / 2 };
  const a = span(points.map((p) => p.x)), b = span(points.map((p) => p.y));
  const scale = Math.min((width - 2 * pad) / a.size, (height - 2 * pad) / b.size);
  return {
    scale,
    x: (v) => width / 2 + (v - (a.low + a.high) / 2) * scale,
    y: (v) => height / 2 - (v - (b.low + b.high) / 2) * scale,
  };
}

// A round number of logits whose bar is at most a third of the width.
export function ruler(scale, width) {
  const most = width / 3 / scale;
  const power = 10 ** Math.floor(Math.log10(most));
  const step = [5, 2, 1].find((s) => s * power <= most) ?? 1;
  return step * power;
}

function svg(tag, props) {
  const node = document.createElementNS(NS, tag);
  for (const [key, value] of Object.entries(props)) node.setAttribute(key, String(value));
  return node;
}

export default function cluster({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".clu");
  const width = 640, height = data.height, unit = data.unit; // null: the axes have none
  const place = fit(data.points, width, height);
  const board = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": data.title });
  const colourOf = new Map(data.legend.map((entry) => [entry.id, entry.colour]));
  const other = INKS.rest;
  const card = el("div", { class: "card", "aria-hidden": "true" });
  const dots = [];
  let held = null; // concept kept in view by a click on its name

  const dim = (id) => dots.forEach(({ node, point }) => {
    node.classList.toggle("dim", id !== null && point.group !== id);
  });
  const show = (point, node) => {
    fill(card, el("img", { src: point.src, alt: "" }), el("div", {},
      el("b", {}, point.name), unit === null ? null : el("div", {}, `${signedNum(point.value)} ${unit}`),
      el("div", { class: point.wrong ? "wrong" : "" }, point.about), el("div", { class: "soft" }, point.where)));
    const at = node.getBoundingClientRect(), frame = root.getBoundingClientRect();
    const left = at.left - frame.left + 14;
    card.style.left = `${left + 250 > frame.width ? Math.max(0, left - 274) : left}px`;
    card.style.top = `${Math.max(0, at.top - frame.top - 40)}px`;
    card.classList.add("on");
  };
  const hide = () => card.classList.remove("on");
  // those in error last, so that nothing hides them
  const ordered = [...data.points].sort((a, b) => Number(a.wrong) - Number(b.wrong));
  ordered.forEach((point, i) => {
    const node = svg("circle", {
      cx: place.x(point.x), cy: place.y(point.y), r: data.radius, class: point.wrong ? "dot miss" : "dot",
      tabindex: i === 0 ? 0 : -1, role: "link", "aria-label": `Open image ${point.id}: ${point.name}, ${point.about}`,
    });
    node.style.fill = colourOf.get(point.group) ?? other;
    node.addEventListener("pointerenter", () => show(point, node));
    node.addEventListener("pointerleave", hide);
    node.addEventListener("focus", () => show(point, node));
    node.addEventListener("blur", hide);
    node.addEventListener("click", () => setTriggerValue("image", point.id));
    node.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Enter") setTriggerValue("image", point.id);
      if (step === undefined) return;
      event.preventDefault();
      const next = dots[(i + step + dots.length) % dots.length].node;
      node.setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    });
    dots.push({ node, point });
    board.append(node);
  });
  const length = ruler(place.scale, width);
  const rule = unit === null ? null : el("div", { class: "rule", title: "Both axes have this scale" },
    el("i", { style: { width: `${(100 * length * place.scale) / width}%` } }), el("span", {}, `${num(length)} ${length === 1 ? unit.replace(/s$/, "") : unit}`));
  const legend = el("div", { class: "legend" }, data.legend.map((entry) => {
    const button = el("button", {
      type: "button", class: "name", title: entry.id === null ? entry.name : `Keep only ${entry.name} in colour`,
      "aria-pressed": false,
      onclick: () => {
        held = held === entry.id ? null : entry.id;
        legend.querySelectorAll(".name").forEach((b) => b.setAttribute("aria-pressed", "false"));
        button.setAttribute("aria-pressed", String(held === entry.id && held !== null));
        dim(held);
      },
      onpointerenter: () => dim(entry.id), onpointerleave: () => dim(held),
    }, el("i", { style: { background: entry.colour } }), el("span", {}, entry.name), el("small", {}, String(entry.n)));
    return el("div", { class: "entry" }, button, entry.concept === null ? null : el("button", {
      type: "button", class: "go", title: `Open concept ${entry.name}`, "aria-label": `Open concept ${entry.name}`,
      onclick: () => setTriggerValue("concept", entry.concept),
    }, "\u2197"));
  }));
  fill(root, el("div", { class: "board" }, board, rule), legend, card);
}
