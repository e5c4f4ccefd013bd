// Elements without markup: text from the store only ever becomes text nodes.

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined) continue;
    if (value === false && !key.startsWith("aria-") && !(key in node)) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "style") Object.assign(node.style, value);
    else if (key === "value" || key === "checked" || key === "disabled") node[key] = value;
    else if (key.startsWith("aria-")) node.setAttribute(key, String(value));
    else if (value !== false) node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

export function fill(node, ...children) {
  node.replaceChildren(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
}

// 3 significant digits; a true minus sign, so that columns line up.
export function num(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "n/a";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-4
    ? value.toExponential(digits - 1)
    : String(Number(value.toPrecision(digits)));
  return text.replace("-", "\u2212");
}

// A share as per cent, with its sign.
export function percent(share) {
  return Number.isFinite(share) ? `${num(100 * share)} %` : "n/a";
}

// Probability: at least two decimals, never a rounded 0 or 1 that is none.
export function chance(p) {
  if (p > 0 && p < 0.001) return "< 0.001";
  if (p < 1 && p > 0.999) return "> 0.999";
  return p.toFixed(3);
}

// "#12" where the name is not the number itself.
export function idOf(id, name) {
  return name === `#${id}` ? "" : `#${id}`;
}

export function signedNum(value) {
  return value > 0 ? `+${num(value)}` : num(value);
}

export function choice(name, options, current, pick, titles = {}) {
  return el("div", { class: "cx-choice", role: "group", "aria-label": name },
    options.map(([value, label]) => el("button", {
      type: "button", class: value === current ? "on" : "", "aria-pressed": value === current,
      title: titles[value] ?? "", "data-value": value, onclick: () => pick(value),
    }, label)));
}
