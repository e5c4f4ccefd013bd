// Colour maps: magnitudes run dark blue to yellow, signed values red to blue through white.
// Both fade to nothing at 0, so an absent concept leaves the picture untouched.

const MAGNITUDE = [
  [68, 1, 84], [72, 36, 117], [65, 68, 135], [53, 95, 141], [42, 120, 142], [33, 145, 140],
  [34, 168, 132], [68, 191, 112], [122, 209, 81], [189, 223, 38], [253, 231, 37],
];
const SIGNED = [
  [5, 48, 97], [33, 102, 172], [67, 147, 195], [146, 197, 222], [209, 229, 240], [247, 247, 247],
  [253, 219, 199], [244, 165, 130], [214, 96, 77], [178, 24, 43], [103, 0, 31],
];
const FADE = 0.2; // share of the range over which colour fades in from transparent

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
  const rgb = signed ? between(SIGNED, 0.5 + Math.max(-1, Math.min(1, t)) / 2) : between(MAGNITUDE, t);
  return [...rgb, Math.min(1, Math.abs(t) / FADE)];
}

export function gradient(signed) {
  const stops = signed ? SIGNED : MAGNITUDE;
  return `linear-gradient(to right, ${stops.map((s) => `rgb(${s.join(",")})`).join(", ")})`;
}
