// What is drawn or written about the picture: annotated parts, the legend, the patch tooltip.
import { atTokens } from "../../../widgets/js/codes.js";
import { el, fill, idOf, num } from "../../../widgets/js/dom.js";
import { colour, gradient } from "../../../widgets/js/colour.js";
import { nearest, sample } from "../../../widgets/js/overlay.js";

export function truth(ctx, view) {
  const { data, state, where } = view, p = where.picture;
  const mask = data.masks[state.mask];
  if (mask) {
    const bytes = new Uint8ClampedArray(mask.w * mask.h * 4);
    mask.inside.forEach((v, i) => { if (v) bytes.set([255, 255, 255, 110], i * 4); });
    const layer = el("canvas");
    layer.width = mask.w; layer.height = mask.h;
    layer.getContext("2d").putImageData(new ImageData(bytes, mask.w, mask.h), 0, 0);
    ctx.drawImage(layer, p.x, p.y, p.w, p.h);
  }
  if (!state.parts) return;
  ctx.save();
  ctx.font = "12px sans-serif";
  ctx.lineJoin = "round";
  for (const part of data.parts) {
    const x = p.x + part.x * p.w, y = p.y + part.y * p.h;
    ctx.beginPath(); ctx.arc(x, y, 4, 0, 2 * Math.PI);
    ctx.fillStyle = "white"; ctx.strokeStyle = "black"; ctx.lineWidth = 3;
    ctx.stroke(); ctx.fill();
    ctx.strokeText(part.part, x + 7, y + 4); ctx.fillText(part.part, x + 7, y + 4);
  }
  ctx.restore();
}

export function legend(view, layer) {
  const { ui, state, data, pointer, where } = view;
  if (!layer) {
    fill(ui.legend, el("span", { class: "cx-soft" },
      "Point at a concept for its map, click to keep it. Point at the picture for what a patch says."));
    return;
  }
  let under = null;
  if (pointer) {
    const u = (pointer.x - where.view.x) / where.view.w, v = (pointer.y - where.view.y) / where.view.h;
    if (u >= 0 && u < 1 && v >= 0 && v < 1) {
      under = (state.smooth ? sample : nearest)(layer.map, layer.grid, u, v);
    }
  }
  const [r, g, b] = under === null ? [0, 0, 0] : colour(under, { ...layer, maps: state.maps });
  fill(ui.legend,
    el("div", { class: "cx-legend-name", title: layer.name }, layer.name),
    el("div", { class: "cx-legend-scale", title: `Full colour at ${num(layer.top)} (${layer.range}) and beyond` },
      el("span", {}, layer.signed ? num(-layer.top) : "0"),
      el("i", { style: { backgroundImage: gradient(layer.signed, state.maps) } }),
      el("span", {}, `${num(layer.top)} ${layer.unit}`)),
    el("div", { class: "cx-under", "data-role": "under" }, under === null
      ? el("span", { class: "cx-soft" }, `scale: ${layer.range}`)
      : [el("i", { class: "cx-dot", style: { background: `rgb(${r},${g},${b})` } }),
        `here ${num(under)}`]));
}

export function tooltip(view) {
  const { ui, data, token, pointer, where } = view;
  ui.tip.style.display = token >= 0 && pointer ? "block" : "none";
  if (token < 0 || !pointer) return;
  const found = atTokens(data.codes, [token]);
  const rows = found.slice(0, 5).map(({ index, value }) => el("div", { class: "cx-tip-row" },
    el("span", {}, data.concepts.names[index], el("small", { class: "cx-soft" }, ` ${idOf(data.concepts.ids[index], data.concepts.names[index])}`)), el("b", {}, num(value))));
  fill(ui.tip, el("div", { class: "cx-soft" }, `row ${Math.floor(token / data.grid[1]) + 1}, `
    + `column ${(token % data.grid[1]) + 1} · ${found.length} active`),
  rows.length ? rows : "no concept fires here");
  const right = pointer.x > where.width / 2;
  Object.assign(ui.tip.style, { left: right ? "" : `${pointer.x + 16}px`,
    right: right ? `${where.width - pointer.x + 16}px` : "", top: `${Math.max(0, pointer.y - 20)}px` });
}
