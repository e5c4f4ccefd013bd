// Cells of the token grid to keep or remove, written as "k3-9,20;x40;a0.2", and what they do to
// scores: each map's weighted mean or largest weighted value, as in core.intervention.spatial.

export function noRegions() {
  return { keep: new Set(), remove: new Set(), elsewhere: null };
}

export function parseRegions(text, nTokens) {
  const out = noRegions();
  const cells = { k: out.keep, x: out.remove };
  for (const part of (text ?? "").slice(0, 5000).split(";")) {
    const weight = /^a(0(?:\.\d{1,4})?|1(?:\.0{1,4})?)$/.exec(part);
    if (weight) out.elsewhere = Number(weight[1]);
    else if (part[0] in cells) {
      for (const run of part.slice(1).split(",")) {
        const found = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(run);
        if (!found) continue;
        const last = Math.min(Number(found[2] ?? found[1]), nTokens - 1);
        for (let t = Number(found[1]); t <= last; t += 1) cells[part[0]].add(t);
      }
    }
  }
  for (const t of out.remove) out.keep.delete(t);
  return out;
}

export function formatRegions({ keep, remove, elsewhere }) {
  const parts = [];
  for (const [letter, cells] of [["k", keep], ["x", remove]]) {
    const runs = [];
    for (const t of [...cells].sort((a, b) => a - b)) {
      const last = runs[runs.length - 1];
      if (last && t === last[1] + 1) last[1] = t;
      else runs.push([t, t]);
    }
    if (runs.length) parts.push(letter + runs.map(([a, b]) => (a === b ? a : `${a}-${b}`)).join(","));
  }
  if (elsewhere !== null) parts.push(`a${elsewhere}`);
  return parts.join(";");
}

// A new selection in which every token of `cells` belongs to `tool`: "keep", "remove" or "erase".
export function withCells(regions, cells, tool) {
  const keep = new Set(regions.keep), remove = new Set(regions.remove);
  for (const t of cells) {
    keep.delete(t);
    remove.delete(t);
    if (tool === "keep") keep.add(t);
    if (tool === "remove") remove.add(t);
  }
  return { ...regions, keep, remove };
}

// Tokens of the rectangle between two.
export function rectangle(from, to, columns) {
  const [r0, r1] = [Math.floor(from / columns), Math.floor(to / columns)].sort((a, b) => a - b);
  const [c0, c1] = [from % columns, to % columns].sort((a, b) => a - b);
  const out = [];
  for (let r = r0; r <= r1; r += 1) for (let c = c0; c <= c1; c += 1) out.push(r * columns + c);
  return out;
}

// The weight of what is in no region: once something is kept, the rest counts a fifth.
export function weightElsewhere({ keep, elsewhere }) {
  return elsewhere ?? (keep.size ? 0.2 : 1);
}

export function attention(regions, nTokens) {
  const rest = weightElsewhere(regions);
  return Float64Array.from({ length: nTokens },
    (_, t) => (regions.keep.has(t) ? 1 : regions.remove.has(t) ? 0 : rest));
}

// Score plus what the weights change of its map's mean; null when they leave nothing to average.
// With `how` "max": of its map's largest value where that is above 0.
export function pooled(scores, maps, weight, how = "mean") {
  if (how === "max") {
    return Float64Array.from(scores, (score, k) => {
      let marked = 0, plain = 0;
      for (let t = 0; t < weight.length; t += 1) {
        marked = Math.max(marked, weight[t] * maps[k][t]);
        plain = Math.max(plain, maps[k][t]);
      }
      return score + (marked - plain);
    });
  }
  let total = 0;
  for (const w of weight) total += w;
  if (total === 0) return null;
  return Float64Array.from(scores, (score, k) => {
    let sum = 0, plain = 0;
    for (let t = 0; t < weight.length; t += 1) {
      sum += weight[t] * maps[k][t];
      plain += maps[k][t];
    }
    return score + (sum / total - plain / weight.length);
  });
}
