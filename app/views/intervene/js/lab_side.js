// Left of the concept rows: the decision before and now, the check, the waterfall; and the history.
import { chance, el, fill, num, percent, signedNum } from "../../../widgets/js/dom.js";
import { OF_LOGIT, waterfall } from "../../../widgets/js/head.js";
import { shownClasses } from "./lab_model.js";

export function labCaption({ data, ui, pointed }) {
  const names = data.truth.map((y) => data.classes[y].name).join(" + ");
  const label = names ? `label: ${names}` : data.link === "sigmoid" && data.known ? "label: none of the head\u2019s" : "unlabelled";
  fill(ui.caption, pointed === null ? label
    : `${data.concepts[pointed].name}: full colour at ${num(data.concepts[pointed].p99)} ${data.unit}`);
}

export function decision(lab) {
  const { data, now, ui } = lab, { before } = data;
  const tag = data.link === "sigmoid" ? crossed(data, before.p, now.p) : flip(data.truth, before.top, now.top);
  const said = (p, y) => (data.thresholds ? p[y] >= data.thresholds[y] : y === now.top);
  fill(ui.decision,
    el("div", { class: "cx-row-head" }, el("b", {}, data.link === "sigmoid" ? "Labels" : "Prediction"),
      el("span", { class: "cx-soft" }, "before → now"),
      tag && el("span", { class: `cx-badge ${tag.endsWith("right") ? "good" : tag.endsWith("wrong") ? "bad" : ""}`,
        "data-role": "flip" }, tag)),
    el("div", { class: "cx-classes" }, shownClasses(before.p, now.p, data.truth, data.thresholds ? 12 : 6).map((y) =>
      el("div", { class: `cx-class${said(now.p, y) ? " top" : ""}`, "data-class": data.classes[y].id },
        el("span", { class: "cx-name", title: data.classes[y].name },
          data.classes[y].name, data.truth.includes(y) ? el("small", { class: "cx-soft", title: "the label" }, " ✓") : null),
        el("div", { class: "cx-prob", title: data.thresholds ? `threshold ${num(data.thresholds[y])}` : "" }, el("i", { class: "was", style: { width: `${100 * before.p[y]}%` } }),
          el("i", { class: "now", style: { width: `${100 * now.p[y]}%` } })),
        el("span", { class: "cx-num cx-soft" }, chance(before.p[y])),
        el("b", { class: "cx-num", "data-role": "now" }, chance(now.p[y]))))),
    el("div", { class: "cx-soft cx-numbers" },
      data.thresholds && el("span", { title: "Each is the sigmoid of its own logit; bold: at or above the label\u2019s threshold" },
        "probabilities need not sum to 1"),
      el("span", { title: `How undecided the prediction is; at most ${num(data.thresholds ? before.p.length : Math.log2(before.p.length))} bits` },
        `entropy ${num(before.entropy)} → ${num(now.entropy)} bits`),
      before.margin !== null && el("span", { title: "Largest minus second largest probability" },
        `margin ${num(before.margin)} → ${num(now.margin)}`)));
}

function flip(truth, before, now) {
  if (before === now) return null;
  if (!truth.length) return "flipped";
  return truth.includes(now) ? "flipped: now right" : truth.includes(before) ? "flipped: now wrong" : "flipped: still wrong";
}

// How many labels the edits move across their thresholds.
function crossed({ thresholds }, before, now) {
  const n = thresholds.filter((t, y) => (before[y] >= t) !== (now[y] >= t)).length;
  return n ? `${n} label${n === 1 ? "" : "s"} crossed` : null;
}

export function verdict(gap, most) {
  if (gap === null) return el("span", { class: "cx-soft" }, "… Python checks on release");
  if (gap <= most) {
    return el("span", { class: "cx-good", title: "The same edits, recomputed from the stored scores" },
      `✓ Python agrees, |Δp| ≤ 1e-5 (max ${gap === 0 ? "0" : gap.toExponential(0)})`);
  }
  return el("div", { class: "cx-alarm", role: "alert" },
    `✗ Browser and Python disagree by ${num(gap)} in a probability. Do not trust these numbers; reload the page.`);
}

export function waterfallBox(lab) {
  const { data, now, ui, y } = lab;
  const { steps, sum, logit, gap, cancels } = waterfall(data.head, now.scores, y);
  const ends = [];
  let at = 0;
  for (const s of steps) { ends.push([at, at + s.value]); at += s.value; }
  const all = [0, ...ends.flat()], lo = Math.min(...all), span = Math.max(...all) - lo || 1;
  const share = (v) => `${(100 * (v - lo)) / span}%`;
  const names = { bias: () => "bias", other: (s) => `other ${s.n}`, rest: () => "rest of the image",
    concept: (s) => data.concepts[s.index].told };
  const titles = { bias: "The class's constant", other: "All other concepts of the head together",
    rest: "What the concepts leave unexplained: the backbone's logit minus the linear part", concept: "Weight times score" };
  const exact = gap <= 1e-9 * Math.max(1, Math.abs(logit));
  fill(ui.waterfall,
    el("div", { class: "cx-row-head" }, el("b", {}, "Logit of "), el("span", { class: "cx-name" }, data.classes[y].name),
      el("span", { class: "cx-soft cx-right" }, "red adds, blue takes away")),
    cancels && el("p", { class: "cx-rare" }, "Parts for and against nearly cancel: go by the logits, not by the shares."),
    el("div", { class: "cx-step cx-soft" }, [["part"], [""], ["logits", "cx-num"], ["of logit", "cx-num", OF_LOGIT]]
      .map(([text, name, title]) => el("span", { class: name, title }, text))),
    el("div", { class: "cx-fall" }, steps.map((s, i) => el("div", { class: `cx-step${s.kind === "concept"
      && lab.live.has(data.concepts[s.index].id) ? " edited" : ""}`, title: titles[s.kind] },
    el("span", { class: "cx-name", title: names[s.kind](s) }, names[s.kind](s)),
    el("div", { class: "cx-beam" }, el("i", { class: s.value < 0 ? "neg" : "pos",
      style: { left: share(Math.min(...ends[i])), width: `${(100 * Math.abs(s.value)) / span}%` } })),
    el("span", { class: "cx-num" }, signedNum(s.value)),
    el("span", { class: "cx-num cx-soft", title: OF_LOGIT }, s.share === undefined ? "" : percent(s.share))))),
    el("div", { class: "cx-step cx-sum" }, el("span", {}, "sum"), el("span", { class: exact ? "cx-good" : "cx-bad",
      title: "The steps above, added up, against the logit computed from all weights" },
    exact ? "✓ equals the logit" : `✗ logit is ${num(logit, 6)}`), el("b", { class: "cx-num" }, num(sum, 4))));
}

export function historyBox(lab) {
  // The pressed button is drawn anew; focus goes to the element, so that its keys go on working.
  const then = (act) => () => { act(); lab.root.focus({ preventScroll: true }); };
  const { data, history, live, ui } = lab;
  const names = new Map(data.concepts.map((c) => [c.id, c]));
  fill(ui.history,
    el("div", { class: "cx-row-head" }, el("b", {}, live.size === 1 ? "1 edit" : `${live.size} edits`),
      [["undo", "Undo (u)", history.past.length], ["redo", "Redo (U)", history.future.length],
        ["reset", "Reset (R)", live.size]].map(([name, label, any]) => el("button", { type: "button",
        class: "cx-link", "data-role": name, disabled: !any, onclick: then(lab[name]) }, label)),
      el("span", { class: "cx-soft cx-right" }, "↑↓ concept · ←→ value · 0 absent · 1 present · t label · a auto")),
    el("div", { class: "cx-chips" }, [...live].filter(([id]) => names.has(id)).map(([id, value]) =>
      el("button", { type: "button", class: "cx-chip", title: `Take this edit of ${names.get(id).told} back`,
        onclick: then(() => lab.remove(id)) }, el("span", {}, names.get(id).told),
      el("b", {}, `${num(names.get(id).score)} → ${num(value)} ×`)))));
}
