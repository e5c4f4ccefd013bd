// One image's codes in the browser: any concept's map, and any patch's concepts.

export function bytes(text) {
  const raw = atob(text);
  const out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) out[i] = raw.charCodeAt(i);
  return out.buffer;
}

// The types of core/maps.py among them: a stored value is i16, the number of a token u16.
export const f64 = (text) => new Float64Array(bytes(text));
export const i16 = (text) => new Int16Array(bytes(text));
export const u16 = (text) => new Uint16Array(bytes(text));
export const u32 = (text) => new Uint32Array(bytes(text));

// starts[i]..starts[i + 1] are concept i's entries of values, and of tokens unless dense.
export function unpackCodes({ starts, tokens, values, scales }, nTokens) {
  return {
    starts: u32(starts), tokens: tokens === null ? null : u16(tokens),
    values: i16(values), scales: f64(scales), nTokens,
  };
}

// In code units, one number a token, row-major.
export function mapOf(codes, index) {
  const out = new Float64Array(codes.nTokens);
  const from = codes.starts[index], to = codes.starts[index + 1];
  for (let i = from; i < to; i += 1) {
    out[codes.tokens === null ? i - from : codes.tokens[i]] = codes.values[i] * codes.scales[index];
  }
  return out;
}

export function mean(map) {
  let sum = 0;
  for (const v of map) sum += v;
  return sum / map.length;
}

export function largest(map) {
  let top = 0;
  for (const v of map) top = Math.max(top, Math.abs(v));
  return top;
}

// Concepts with a code on the patches, strongest first: [{ index, value }]. Several patches are
// joined by the mean, or by the value of largest size ("max").
export function atTokens(codes, tokens, how = "max") {
  const found = [];
  for (let index = 0; index < codes.scales.length; index += 1) {
    const map = mapOf(codes, index);
    let value = 0;
    for (const t of tokens) {
      if (how === "mean") value += map[t] / tokens.length;
      else if (Math.abs(map[t]) > Math.abs(value)) value = map[t];
    }
    if (value !== 0) found.push({ index, value });
  }
  return found.sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.index - b.index);
}

// Area mean of a fine map over a coarser (or equal) grid, by the share of each cell's overlap.
export function resample(map, [rows, columns], [toRows, toColumns]) {
  const weights = (from, to, k) => {
    const lo = (k * from) / to, hi = ((k + 1) * from) / to, out = [];
    for (let i = Math.floor(lo); i < Math.ceil(hi - 1e-9); i += 1) {
      out.push([i, Math.min(hi, i + 1) - Math.max(lo, i)]);
    }
    return out;
  };
  const across = Array.from({ length: toColumns }, (_, k) => weights(columns, toColumns, k));
  const out = new Float64Array(toRows * toColumns);
  for (let r = 0; r < toRows; r += 1) {
    const down = weights(rows, toRows, r);
    for (let c = 0; c < toColumns; c += 1) {
      let sum = 0, area = 0;
      for (const [i, a] of down) for (const [j, b] of across[c]) {
        sum += map[i * columns + j] * a * b;
        area += a * b;
      }
      out[r * toColumns + c] = sum / area;
    }
  }
  return out;
}

function ranks(values) {
  const order = Array.from(values.keys()).sort((a, b) => values[a] - values[b]);
  const out = new Float64Array(values.length);
  for (let i = 0; i < order.length;) {
    let j = i;
    while (j + 1 < order.length && values[order[j + 1]] === values[order[i]]) j += 1;
    for (let k = i; k <= j; k += 1) out[order[k]] = (i + j) / 2;
    i = j + 1;
  }
  return out;
}

// Rank correlation -1..1, ties at their mean rank; NaN when either is constant. Chance: 0.
export function spearman(a, b) {
  const x = ranks(a), y = ranks(b);
  const mx = mean(x), my = mean(y);
  let xy = 0, xx = 0, yy = 0;
  for (let i = 0; i < x.length; i += 1) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) ** 2;
    yy += (y[i] - my) ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}
