// Maps over pictures: where the view box lies, what a pixel shows, where a contour runs.
import { colour } from "./colour.js";

// Places the picture and the view box on a canvas that holds both. A padding processor looks
// beyond the picture: the canvas then grows by what it saw. Fractions in, pixels out.
export function place(box, { width, height, most }) {
  const [x0, y0, x1, y1] = box;
  const left = Math.min(0, x0), top = Math.min(0, y0);
  const spanX = Math.max(1, x1) - left, spanY = Math.max(1, y1) - top;
  const factor = most / Math.max(width * spanX, height * spanY);
  const w = width * factor, h = height * factor;
  return {
    width: Math.max(1, Math.round(spanX * w)), height: Math.max(1, Math.round(spanY * h)),
    picture: { x: -left * w, y: -top * h, w, h },
    view: { x: (x0 - left) * w, y: (y0 - top) * h, w: (x1 - x0) * w, h: (y1 - y0) * h },
  };
}

// Token (row-major) under a canvas point, -1 outside the view box.
export function tokenAt(view, [rows, columns], x, y) {
  const column = Math.floor(((x - view.x) / view.w) * columns);
  const row = Math.floor(((y - view.y) / view.h) * rows);
  if (column < 0 || row < 0 || column >= columns || row >= rows) return -1;
  return row * columns + column;
}

export function cell(view, [rows, columns], token) {
  const w = view.w / columns, h = view.h / rows;
  return { x: view.x + (token % columns) * w, y: view.y + Math.floor(token / columns) * h, w, h };
}

// Neighbour of a token in the direction of an arrow key; stays inside the grid.
export function step(token, key, [rows, columns]) {
  const row = Math.floor(token / columns), column = token % columns;
  const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
  if (!move) return token;
  const r = Math.min(rows - 1, Math.max(0, row + move[0]));
  const c = Math.min(columns - 1, Math.max(0, column + move[1]));
  return r * columns + c;
}

// Bilinear between cell centres, flat beyond the outermost ones. u, v: 0..1 across the view box.
export function sample(map, [rows, columns], u, v) {
  const x = Math.min(columns - 1, Math.max(0, u * columns - 0.5));
  const y = Math.min(rows - 1, Math.max(0, v * rows - 0.5));
  const x0 = Math.floor(x), y0 = Math.floor(y);
  const x1 = Math.min(columns - 1, x0 + 1), y1 = Math.min(rows - 1, y0 + 1);
  const fx = x - x0, fy = y - y0;
  const upper = map[y0 * columns + x0] * (1 - fx) + map[y0 * columns + x1] * fx;
  const lower = map[y1 * columns + x0] * (1 - fx) + map[y1 * columns + x1] * fx;
  return upper * (1 - fy) + lower * fy;
}

export function nearest(map, [rows, columns], u, v) {
  const c = Math.min(columns - 1, Math.max(0, Math.floor(u * columns)));
  const r = Math.min(rows - 1, Math.max(0, Math.floor(v * rows)));
  return map[r * columns + c];
}

// RGBA bytes of one map, width x height pixels over the view box. style "heat" colours the map,
// "evidence" darkens where there is none. Values smaller than threshold (0..1 of top) do not show.
export function raster(map, grid, { width, height, top, signed, maps, style, opacity, threshold, smooth }) {
  const out = new Uint8ClampedArray(width * height * 4);
  const at = smooth ? sample : nearest;
  for (let y = 0, o = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, o += 4) {
      let value = at(map, grid, (x + 0.5) / width, (y + 0.5) / height);
      if (Math.abs(value) < threshold * top || (!signed && value < 0)) value = 0;
      if (style === "evidence") {
        const share = top > 0 ? Math.min(1, Math.abs(value) / top) : 0;
        out[o + 3] = 255 * opacity * (1 - share);
      } else {
        const [r, g, b, a] = colour(value, { top, signed, maps });
        out[o] = r; out[o + 1] = g; out[o + 2] = b; out[o + 3] = 255 * opacity * a;
      }
    }
  }
  return out;
}

// Line pieces [x0, y0, x1, y1] in 0..1 where the map crosses a level (marching squares on a
// lattice of `fine` points a cell, so that smooth contours follow the bilinear surface).
export function contour(map, grid, level, fine = 3) {
  const nx = grid[1] * fine, ny = grid[0] * fine;
  const value = (i, j) => sample(map, grid, i / nx, j / ny) - level;
  const cross = (a, b) => a / (a - b);
  const pieces = [];
  for (let j = 0; j < ny; j += 1) {
    for (let i = 0; i < nx; i += 1) {
      const a = value(i, j), b = value(i + 1, j), c = value(i + 1, j + 1), d = value(i, j + 1);
      const ends = [];
      if ((a < 0) !== (b < 0)) ends.push([i + cross(a, b), j]);
      if ((b < 0) !== (c < 0)) ends.push([i + 1, j + cross(b, c)]);
      if ((c < 0) !== (d < 0)) ends.push([i + 1 - cross(c, d), j + 1]);
      if ((d < 0) !== (a < 0)) ends.push([i, j + 1 - cross(d, a)]);
      for (let e = 0; e + 1 < ends.length; e += 2) {
        pieces.push([ends[e][0] / nx, ends[e][1] / ny, ends[e + 1][0] / nx, ends[e + 1][1] / ny]);
      }
    }
  }
  return pieces;
}

// Run lengths (row-major, the first outside) to one byte a pixel, 1 inside.
export function unrun(runs, size) {
  const out = new Uint8Array(size);
  let at = 0;
  runs.forEach((length, i) => {
    if (i % 2 === 1) out.fill(1, at, at + length);
    at += length;
  });
  return out;
}
