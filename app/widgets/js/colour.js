// Colour maps: magnitudes run dark blue to yellow, signed values red to blue through white.
// Both fade to nothing at 0, so an absent concept leaves the picture untouched. Signed colours are
// never drawn near white: what is faint is a tint that lets the picture through, not a veil over it.

const MAGNITUDE = [
  [68, 1, 84], [72, 36, 117], [65, 68, 135], [53, 95, 141], [42, 120, 142], [33, 145, 140],
  [34, 168, 132], [68, 191, 112], [122, 209, 81], [189, 223, 38], [253, 231, 37],
];
const SIGNED = [
  [5, 48, 97], [33, 102, 172], [67, 147, 195], [146, 197, 222], [209, 229, 240], [247, 247, 247],
  [253, 219, 199], [244, 165, 130], [214, 96, 77], [178, 24, 43], [103, 0, 31],
];
const FADE = { magnitude: 0.2, signed: 0.6 }; // share of the range over which colour fades in
const TINT = 0.5; // where signed colour starts, as a share of the way from white to full

function between(stops, t) {
  const place = Math.min(1, Math.max(0, t)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(place));
  const part = place - low;
  return stops[low].map((from, i) => from + (stops[low + 1][i] - from) * part);
}

// [r, g, b, a]: 0..255 and a 0..1. `top` > 0 is the value (or size, when signed) of full colour;
// beyond it colour stays full, which the legend says. Negative is blue, positive is red.
export function colour(value, { top, signed }) {
  if (!(top > 0) || value === 0) return [0, 0, 0, 0];
  const t = value / top;
  if (!signed && t < 0) return [0, 0, 0, 0];
  const size = Math.min(1, Math.abs(t));
  const rgb = signed ? between(SIGNED, 0.5 + (Math.sign(t) * (TINT + (1 - TINT) * size)) / 2)
    : between(MAGNITUDE, t);
  return [...rgb, Math.min(1, Math.abs(t) / (signed ? FADE.signed : FADE.magnitude))];
}

// The legend: exactly what `colour` gives from end to end, transparent where the map is.
export function gradient(signed) {
  const steps = 20;
  const stops = Array.from({ length: steps + 1 }, (_, i) => {
    const t = signed ? (2 * i) / steps - 1 : i / steps;
    const [r, g, b, a] = colour(t, { top: 1, signed });
    return `rgba(${Math.round(r)},${Math.round(g)},${Math.round(b)},${a.toFixed(3)})`;
  });
  return `linear-gradient(to right, ${stops.join(", ")})`;
}
