// A tree of concepts, indented; branches open here, without a rerun.
import { el, fill, num } from "../../../widgets/js/dom.js";

const FEW = 60; // up to so many rows, all branches start open

// Nodes by parent, in the order given; a node whose parent is not among them is a root.
export function branches(nodes) {
  const known = new Set(nodes.map((node) => node.id));
  const out = new Map([[null, []]]);
  for (const node of nodes) {
    const parent = known.has(node.parent) ? node.parent : null;
    if (!out.has(parent)) out.set(parent, []);
    out.get(parent).push(node);
  }
  return out;
}

// Rows to draw from the top, with their depth: every root, and below what is open its children.
export function visible(nodes, open) {
  const below = branches(nodes), rows = [], seen = new Set();
  const walk = (parent, depth) => {
    for (const node of below.get(parent) ?? []) {
      if (seen.has(node.id)) continue;
      seen.add(node.id);
      const many = (below.get(node.id) ?? []).length;
      rows.push({ node, depth, many, open: open.has(node.id) });
      if (many && open.has(node.id)) walk(node.id, depth + 1);
    }
  };
  walk(null, 0);
  return rows;
}

export function parents(nodes) {
  return [...branches(nodes).keys()].filter((id) => id !== null);
}

function row({ node, depth, many, open }, data, toggle, send) {
  const share = `${num(100 * node.share)} %`;
  return el("div", { class: `node${node.dim ? " dim" : ""}`, role: "treeitem", "aria-level": depth + 1,
    ...(many ? { "aria-expanded": open } : {}), style: { paddingLeft: `${0.2 + 1.5 * depth}rem` } },
  many ? el("button", { type: "button", title: open ? "Fold" : "Unfold",
    class: `fold${open ? " down" : ""}`, "aria-label": `${open ? "Fold" : "Unfold"} ${node.title}`, "data-id": node.id,
    onclick: () => toggle(node.id) }, "›") : el("span", { class: "fold" }, depth ? "·" : ""),
  el("div", { class: "pics" }, node.src ? el("img", { src: node.src, alt: node.alt ?? "" }) : null),
  el("button", { class: "name", type: "button", title: node.about ?? node.title,
    onclick: () => send("open", node.opens) }, el("b", {}, node.title),
  el("small", {}, node.note ?? "")),
  node.share === null ? null : el("div", { class: "share", title: data.about },
    el("i", { style: { width: `${5 * Math.max(0, Math.min(1, node.share))}rem` } }), el("span", {}, share)));
}

export default function tree({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".tree");
  const all = parents(data.nodes);
  if (root.dataset.key !== data.key) {
    root.dataset.key = data.key;
    root.unfolded = new Set(data.nodes.length <= FEW ? all : []);
  }
  const draw = () => {
    const bar = all.length ? el("div", { class: "bar" },
      el("button", { type: "button", onclick: () => { root.unfolded = new Set(all); draw(); } }, "Unfold all"),
      el("button", { type: "button", onclick: () => { root.unfolded = new Set(); draw(); } }, "Fold all"),
      el("span", {}, data.caption)) : el("div", { class: "bar" }, el("span", {}, data.caption));
    const rows = visible(data.nodes, root.unfolded);
    fill(root, bar, el("div", { role: "tree", "aria-label": data.label },
      rows.map((found) => row(found, data, (id) => {
        if (root.unfolded.has(id)) root.unfolded.delete(id); else root.unfolded.add(id);
        draw();
        root.querySelector(`.fold[data-id="${CSS.escape(String(id))}"]`)?.focus();
      }, setTriggerValue))));
  };
  draw();
}
