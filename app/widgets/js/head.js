// A linear head in the browser, float64 as in Python's core.bottleneck.

// logits[y] = base[y] + sum over concepts of weights[y * m + k] * scores[k]
export function logits({ base, weights }, scores) {
  const m = scores.length;
  const out = Float64Array.from(base);
  for (let y = 0; y < out.length; y += 1) {
    for (let k = 0; k < m; k += 1) out[y] += weights[y * m + k] * scores[k];
  }
  return out;
}

export function softmax(values) {
  let top = -Infinity;
  for (const v of values) top = Math.max(top, v);
  const out = Float64Array.from(values, (v) => Math.exp(v - top));
  let sum = 0;
  for (const v of out) sum += v;
  return out.map((v) => v / sum);
}

// Each label alone, so that they need not sum to 1.
export function sigmoid(values) {
  return Float64Array.from(values, (v) => 0.5 * (1 + Math.tanh(v / 2)));
}

// Bits.
export function entropy(p) {
  let out = 0;
  for (const v of p) if (v > 0) out -= v * Math.log2(v);
  return out;
}

export function argmax(p) {
  let best = 0;
  for (let i = 1; i < p.length; i += 1) if (p[i] > p[best]) best = i;
  return best;
}

// Largest minus second largest.
export function margin(p) {
  let first = -Infinity, second = -Infinity;
  for (const v of p) {
    if (v > first) [first, second] = [v, first];
    else if (v > second) second = v;
  }
  return first - second;
}

export function topClasses(p, count) {
  return Array.from(p.keys()).sort((a, b) => p[b] - p[a] || a - b).slice(0, count);
}

// Logit by concept for class y, before the fixed part.
export function contributions({ weights }, scores, y) {
  return Float64Array.from(scores, (s, k) => weights[y * scores.length + k] * s);
}

// Each part over the sum of all, as core.logit_shares: NaN where that is 0 but for rounding.
export function sharesOfSum(parts) {
  let sum = 0, size = 0;
  for (const v of parts) { sum += v; size += Math.abs(v); }
  return Array.from(parts, (v) => (Math.abs(sum) <= 1e-12 * size ? NaN : v / sum));
}

// Whether the parts' sum is less than a tenth of what they are in size together.
export function cancelled(parts) {
  let sum = 0, size = 0;
  for (const v of parts) { sum += v; size += Math.abs(v); }
  return Math.abs(sum) < 0.1 * size;
}

export const OF_LOGIT = "Share of the logit: the part over (logit \u2212 bias); with the rest they add up to 100 %. "
  + "Negative: it works against what all parts together do, so where the logit lies below its bias, what is for "
  + "the class is negative. Where parts for and against nearly cancel, shares pass 100 % without anything being large.";

// The logit of class y as a list of steps that add up to it: bias, the largest contributions,
// what the other concepts give together, and the image's rest where the head carries one.
export function waterfall(head, scores, y, most = 12) {
  const parts = contributions(head, scores, y);
  const order = Array.from(parts.keys()).filter((k) => parts[k] !== 0)
    .sort((a, b) => Math.abs(parts[b]) - Math.abs(parts[a]) || a - b);
  const steps = [{ kind: "bias", value: head.bias[y] }];
  for (const k of order.slice(0, most)) steps.push({ kind: "concept", index: k, value: parts[k] });
  const others = order.slice(most);
  const n = others.length + head.nFolded;
  if (n) {
    steps.push({ kind: "other", n, value: others.reduce((sum, k) => sum + parts[k], head.folded[y]) });
  }
  if (head.rest) steps.push({ kind: "rest", value: head.rest[y] });
  const brought = steps.slice(1); // all but the bias
  sharesOfSum(brought.map((s) => s.value)).forEach((share, i) => { brought[i].share = share; });
  const sum = steps.reduce((total, s) => total + s.value, 0);
  const logit = logits(head, scores)[y];
  return { steps, sum, logit, gap: Math.abs(sum - logit), cancels: cancelled(brought.map((s) => s.value)) };
}

// How unsettled a concept is: 1 where the score lies midway between its absent and present
// medians, 0 at either or beyond; 0 where the store knows only one of them.
export function uncertainty(score, absent, present) {
  if (absent === null || present === null || absent === present) return 0;
  const t = (score - absent) / (present - absent);
  return t <= 0 || t >= 1 ? 0 : 1 - Math.abs(2 * t - 1);
}

export function isPresent(value, absent, present) {
  if (present === null) return false;
  if (absent === null) return true;
  const middle = (absent + present) / 2;
  return present >= absent ? value >= middle : value <= middle;
}

export function largestGap(a, b) {
  if (a.length !== b.length) return Infinity;
  let out = 0;
  for (let i = 0; i < a.length; i += 1) {
    const gap = Math.abs(a[i] - b[i]);
    if (!(gap <= out)) out = Number.isNaN(gap) ? Infinity : gap;
  }
  return out;
}
