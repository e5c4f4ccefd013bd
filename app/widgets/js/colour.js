// Colour maps: which one draws what is in palette.py, and what a person chose among them.
// All fade to nothing at 0, so an absent concept leaves the picture untouched. Signed colours are
// never drawn near their middle: what is faint is a tint that lets the picture through, not a veil.
import { COLOUR_MAPS } from "./palette.js";

const MAPS_KEPT = "lucidarium.colours";
const OF_KIND = { magnitude: namesOf(false), signed: namesOf(true) };
const FADE = { magnitude: 0.2, signed: 0.6 }; // share of the range over which colour fades in
const CONTOURS = [2 / 3, 0.9, 1]; // where in the map the three contours take their ink: the bright end
const TINT = 0.5; // where signed colour starts, as a share of the way from white to full

function between(stops, t) {
  const place = Math.min(1, Math.max(0, t)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(place));
  const part = place - low;
  return stops[low].map((from, i) => from + (stops[low + 1][i] - from) * part);
}

// Names of the maps for values of a kind, what a page opens with first.
export function mapsFor(signed) { return OF_KIND[kindOf(signed)]; }

function namesOf(signed) {
  return Object.keys(COLOUR_MAPS).filter((name) => COLOUR_MAPS[name].signed === signed);
}

// { signed, magnitude }: the names a person chose; {} where nothing was, kept for the session.
export function chosenMaps() {
  try { return JSON.parse(sessionStorage.getItem(MAPS_KEPT) ?? "{}"); } catch { return {}; } // storage is refused
}

export function keepMap(signed, name) {
  const maps = { ...chosenMaps(), [kindOf(signed)]: name };
  try { sessionStorage.setItem(MAPS_KEPT, JSON.stringify(maps)); } catch { /* lives for this page only */ }
  return maps;
}

export function kindOf(signed) { return signed ? "signed" : "magnitude"; }

// The map of the kind that was chosen; the first of the kind where none was, or it is no more.
export function mapName(signed, maps) {
  const names = mapsFor(signed), chosen = maps?.[kindOf(signed)];
  return names.includes(chosen) ? chosen : names[0];
}

// Ink of the contour at `level` (of `levels`, weakest first) on either side of 0.
export function ink(level, { sign, signed, maps }) {
  const { stops } = COLOUR_MAPS[mapName(signed, maps)];
  const [r, g, b] = between(stops, signed ? 0.5 + 0.2 * sign : CONTOURS[level]);
  return `rgb(${Math.round(r)},${Math.round(g)},${Math.round(b)})`;
}

// [r, g, b, a]: 0..255 and a 0..1. `top` > 0 is the value (or size, when signed) of full colour;
// beyond it colour stays full, which the legend says. `maps`: as chosenMaps gives them.
export function colour(value, { top, signed, maps }) {
  if (!(top > 0) || value === 0) return [0, 0, 0, 0];
  const t = value / top;
  if (!signed && t < 0) return [0, 0, 0, 0];
  const size = Math.min(1, Math.abs(t));
  const { stops } = COLOUR_MAPS[mapName(signed, maps)];
  const rgb = between(stops, signed ? 0.5 + (Math.sign(t) * (TINT + (1 - TINT) * size)) / 2 : t);
  return [...rgb, Math.min(1, Math.abs(t) / (signed ? FADE.signed : FADE.magnitude))];
}

// The legend: exactly what `colour` gives from end to end, transparent where the map is.
export function gradient(signed, maps) {
  const steps = 20;
  const stops = Array.from({ length: steps + 1 }, (_, i) => {
    const t = signed ? (2 * i) / steps - 1 : i / steps;
    const [r, g, b, a] = colour(t, { top: 1, signed, maps });
    return `rgba(${Math.round(r)},${Math.round(g)},${Math.round(b)},${a.toFixed(3)})`;
  });
  return `linear-gradient(to right, ${stops.join(", ")})`;
}
