// Drawing on canvases: a picture, one map over its view box, outlines of patches.
import { ink } from "./colour.js";
import { contour, raster } from "./overlay.js";

const LONGEST = 224; // pixels of a smooth overlay before the browser scales it up

// Sharp on dense screens: the canvas gets device pixels, the context keeps layout pixels.
export function fit(canvas, { width, height }) {
  const ratio = Math.min(3, window.devicePixelRatio || 1);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.imageSmoothingEnabled = true;
  ctx.imageSmoothingQuality = "high";
  return ctx;
}

export function paintPicture(ctx, picture, where) {
  ctx.clearRect(0, 0, where.width, where.height);
  ctx.fillStyle = "gray";
  ctx.fillRect(0, 0, where.width, where.height);
  const p = where.picture;
  ctx.drawImage(picture, p.x, p.y, p.w, p.h);
}

// how: { top, signed, maps, style, opacity, threshold, smooth }
export function paintMap(ctx, where, map, grid, how) {
  if (how.style === "none" || !(how.top > 0)) return;
  const { view } = where;
  if (how.style === "contour") {
    paintContours(ctx, view, map, grid, how);
    return;
  }
  const long = Math.min(LONGEST, Math.max(view.w, view.h));
  const width = how.smooth ? Math.max(1, Math.round((long * view.w) / Math.max(view.w, view.h))) : grid[1];
  const height = how.smooth ? Math.max(1, Math.round((long * view.h) / Math.max(view.w, view.h))) : grid[0];
  const pixels = raster(map, grid, { ...how, width, height });
  const layer = document.createElement("canvas");
  layer.width = width;
  layer.height = height;
  layer.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
  ctx.save();
  ctx.imageSmoothingEnabled = how.smooth;
  ctx.drawImage(layer, view.x, view.y, view.w, view.h);
  ctx.restore();
}

export const LEVELS = [0.25, 0.5, 0.75]; // contour lines, as shares of the scale

function paintContours(ctx, view, map, grid, { top, signed, maps, opacity, threshold }) {
  const signs = signed ? [1, -1] : [1];
  ctx.save();
  ctx.lineCap = "round";
  for (const sign of signs) {
    LEVELS.forEach((level, i) => {
      if (level < threshold) return;
      const pieces = contour(map, grid, sign * level * top);
      for (const [width, stroke] of [[3.5, "rgba(0,0,0,0.55)"], [1.6, ink(i, { sign, signed, maps })]]) {
        ctx.globalAlpha = Math.min(1, opacity + 0.25);
        ctx.lineWidth = width;
        ctx.strokeStyle = stroke;
        ctx.beginPath();
        for (const [x0, y0, x1, y1] of pieces) {
          ctx.moveTo(view.x + x0 * view.w, view.y + y0 * view.h);
          ctx.lineTo(view.x + x1 * view.w, view.y + y1 * view.h);
        }
        ctx.stroke();
      }
    });
  }
  ctx.restore();
}

export function outline(ctx, rect, { stroke = "white", width = 2 } = {}) {
  ctx.save();
  ctx.strokeStyle = "rgba(0,0,0,0.7)";
  ctx.lineWidth = width + 2;
  ctx.strokeRect(rect.x, rect.y, rect.w, rect.h);
  ctx.strokeStyle = stroke;
  ctx.lineWidth = width;
  ctx.strokeRect(rect.x, rect.y, rect.w, rect.h);
  ctx.restore();
}

// Resolves with the picture, or null where the bytes do not decode.
export function loadPicture(src) {
  return new Promise((resolve) => {
    const picture = new Image();
    picture.onload = () => resolve(picture);
    picture.onerror = () => resolve(null);
    picture.src = src;
  });
}
