// Concept rows of the intervention element: built once an order, then only their numbers change.
import { choice, el, fill, idOf, num, signedNum } from "../../../widgets/js/dom.js";
import { isPresent } from "../../../widgets/js/head.js";
import { corrections, countText, isOff, isUnusual, order, picksOf, preset, shownRows } from "./lab_model.js";

const SORTS = [["contribution", "Contribution"], ["diverse", "Diverse"], ["uncertainty", "Uncertainty"], ["labels", "Labels"],
  ["name", "Name"], ["group", "Group"]];
const HELP = { contribution: "What the concept adds to the chosen class, by size",
  diverse: "Large contributions to the chosen class from concepts that fire on other images than those already listed: "
    + "a determinantal point process, 32 at most",
  uncertainty: "Scores midway between the concept's absent and present medians first",
  labels: "Concepts that the labels of this image contradict first",
  name: "A to Z", group: "Concepts that exclude each other together" };
const MOST_ROWS = 32; // a person cannot take in more at once (Ramaswamy et al. 2023)

export function labTools(lab) {
  const { data, state, ui } = lab;
  const again = (changes) => { Object.assign(state, changes); lab.rebuild(); };
  const grouped = data.concepts.some((c) => c.group !== null);
  const search = el("input", { type: "search", placeholder: "Find", value: state.query,
    "aria-label": "Find a concept", oninput: (e) => { state.query = e.target.value; buildRows(lab); lab.update(); } });
  fill(ui.tools, choice("Sort", SORTS.filter(([key]) => (key !== "group" || grouped)
    && (key !== "labels" || data.concepts.some((c) => c.truth !== null))), state.sort,
    (sort) => again({ sort }), HELP), search,
  grouped && el("label", { class: "cx-check", title: "Choosing “present” for one concept of a group sets the others to absent" },
    el("input", { type: "checkbox", checked: state.groups, onchange: (e) => { state.groups = e.target.checked; } }),
    "exclusive groups"),
  el("label", { class: "cx-soft cx-right" }, "weights for ", el("select", { "aria-label": "Class of the weights",
    onchange: (e) => lab.choose(Number(e.target.value)) },
  data.classes.map((c, i) => el("option", { value: String(i), selected: i === lab.y }, c.name)))));
}

// In words: to what "present" and "absent" set a score, and what the labels would change.
function valueLine(lab) {
  const { data, state } = lab, chosen = data.choices.find((c) => c.key === state.values) ?? data.choices[0];
  const of = chosen.ofImages
    ? ` of the train images that show the concept, or do not (n = ${data.nLevels.toLocaleString("en")})` : "";
  lab.ui.correct = data.concepts.every((c) => c.truth === null) ? null : el("button", { type: "button",
    class: "cx-link cx-right", "data-role": "correct", onclick: () => { lab.correctAll(); lab.root.focus({ preventScroll: true }); },
    title: "Sets every concept above whose label says otherwise (T)" });
  return el("div", { class: "cx-row-head cx-values" },
    el("label", { class: "cx-soft" }, "Switches set ", el("select", { "aria-label": "Value that present and absent set",
      onchange: (e) => lab.setting(e.target.value) },
    data.choices.map((c) => el("option", { value: c.key, selected: c.key === state.values }, c.title)))),
    el("span", { class: "cx-soft cx-values-words" }, `${chosen.about}${of}`),
    lab.ui.correct);
}

export function buildRows(lab) {
  const { data, state, ui } = lab;
  const found = order(data, { ...state, y: lab.y });
  // a search goes on over all; of a class that Python has not answered for yet the largest come first
  const picks = state.sort === "diverse" && !state.query.trim() ? picksOf(data, lab.y) : null;
  const room = Math.min(state.limit, picks?.length ?? found.length);
  const shown = shownRows(found, { room, most: MOST_ROWS, focus: lab.focus,
    held: (i) => lab.live.has(data.concepts[i].id) });
  lab.rows = shown.rows.map((index) => buildRow(lab, index));
  fill(ui.values, valueLine(lab));
  fill(ui.rows,
    el("div", { class: "cx-lab-row cx-head" }, ["", "Concept", el("span", { title: "Handle: value in use. "
      + "Line: the model's own. Rings: what absent and present set" }, `Score, ${data.unit}`), "",
    el("span", { title: "Logit of the class per unit of score" }, "Weight"),
    el("span", { title: "Weight times score, in logits" }, "Contribution"), ""].map((t) => el("div", {}, t))),
    lab.rows.map((r) => r.node),
    found.length === 0 && el("p", { class: "cx-soft" }, "No concept of this head fits the search."),
    el("div", { class: "cx-row-head cx-more" },
      (picks ?? found).length > room && state.limit < MOST_ROWS && el("button", { type: "button", class: "cx-link",
        onclick: () => { state.limit = MOST_ROWS; lab.rebuild(); } }, `more (to ${Math.min(MOST_ROWS, (picks ?? found).length)})`),
      state.limit > 12 && el("button", { type: "button", class: "cx-link",
        onclick: () => { state.limit = 12; lab.rebuild(); } }, "fewer"),
      el("span", { class: "cx-soft", "data-role": "count" }, countText(shown, found.length,
        { nFolded: data.head.nFolded, picked: picks === null ? null : room }))));
}

function buildRow(lab, index) {
  const c = lab.data.concepts[index];
  const { absent, present } = preset(c, lab.state.values), which = lab.state.values;
  const both = present !== null && absent !== null;
  const row = { index };
  row.toggle = el("input", { type: "checkbox", class: "cx-toggle", role: "switch", disabled: !both,
    "aria-label": `${c.name} present`, title: both
      ? `Present sets ${num(present)}, absent sets ${num(absent)} (${which} values; ${c.nPresent ?? 0} train images show it, ${c.nAbsent ?? 0} do not)`
      : "The store has no image where this concept is present, or none where it is absent",
    onchange: (e) => lab.set(index, e.target.checked ? present : absent) });
  row.handle = el("input", { type: "range", step: "any", "aria-label": c.name, "data-concept": c.id,
    oninput: (e) => lab.drag(index, Number(e.target.value)), onchange: () => lab.release() });
  row.was = el("i", { class: "cx-was", title: `model: ${num(c.score)}` });
  const ring = (value, name) => value === null ? null : el("button", { type: "button", tabindex: -1,
    class: `cx-ring ${name}`, title: `${name}: ${num(value)} (${which} where ${name})`,
    "data-preset": name, onclick: () => lab.set(index, value) });
  row.rings = [[ring(absent, "absent"), absent], [ring(present, "present"), present]]
    .filter(([node]) => node !== null);
  row.value = el("input", { type: "number", step: "any", class: "cx-number", "aria-label": `Score of ${c.name}`,
    onchange: (e) => lab.type(index, e.target.value) });
  row.flag = el("small", {});
  row.truth = c.truth === null || c.truth === undefined ? null : el("button", { type: "button", class: "cx-link cx-truth",
    title: `The label says ${c.truth ? "present" : "absent"}; set that (t)`, "data-role": "truth",
    onclick: () => { lab.correct(index); lab.root.focus({ preventScroll: true }); } });
  row.weight = el("div", { class: "cx-num" });
  row.bar = el("i", {});
  row.part = el("span", { class: "cx-num" });
  row.auto = el("button", { type: "button", class: "cx-link", title: `Back to the model's value, ${num(c.score)}`,
    "data-role": "auto", onclick: () => lab.set(index, null) }, "auto");
  row.node = el("div", { class: "cx-lab-row", "data-row": c.id,
    onpointerenter: () => lab.point(index), onpointerleave: () => lab.point(lab.focus),
    onfocusin: () => { lab.focus = index; lab.point(index); } },
  row.toggle,
  el("div", { class: "cx-lab-name", title: c.about }, el("span", { class: "cx-name" }, c.name),
    el("small", { class: "cx-soft" }, [idOf(c.id, c.name), c.also ? `people: ${c.also}` : "", c.group].filter(Boolean).join(" · ")),
    row.truth, row.flag),
  el("div", { class: "cx-track" }, row.was, row.rings.map(([node]) => node), row.handle),
  row.value, row.weight, el("div", { class: "cx-part" }, el("div", { class: "cx-signed" }, row.bar), row.part), row.auto);
  return row;
}

// Numbers and bars only: cheap enough for every frame of a drag.
export function updateRows(lab) {
  const { data, now, y } = lab;
  const m = data.scores.length;
  const weight = (k) => data.head.weights[y * m + k];
  const wrong = lab.ui.correct ? corrections(data, lab.live, lab.state.values).length : 0;
  if (lab.ui.correct) {
    lab.ui.correct.disabled = wrong === 0;
    lab.ui.correct.textContent = wrong === 0 ? "agrees with the labels" : `correct ${wrong} to the labels`;
  }
  let top = 0;
  for (const { index } of lab.rows) {
    top = Math.max(top, Math.abs(weight(index) * now.scores[index]), Math.abs(weight(index) * data.scores[index]));
  }
  for (const row of lab.rows) {
    const c = data.concepts[row.index], value = now.scores[row.index];
    const lo = Math.min(c.lo, value, c.score), hi = Math.max(c.hi, value, c.score), span = hi - lo || 1;
    const edited = lab.live.has(c.id), off = edited && isOff(value, c);
    const part = weight(row.index) * value, width = top > 0 ? (50 * Math.abs(part)) / top : 0;
    row.handle.min = lo; row.handle.max = hi; row.handle.value = value;
    row.handle.disabled = hi === lo;
    row.was.style.setProperty("--at", (c.score - lo) / span);
    for (const [node, at] of row.rings) node.style.setProperty("--at", (at - lo) / span);
    row.toggle.checked = isPresent(value, c.absent, c.present);
    if (row.truth) {
      const wrong = row.toggle.checked !== (c.truth === 1) && !row.toggle.disabled;
      row.truth.textContent = wrong ? `label: ${c.truth ? "present" : "absent"}` : "";
    }
    row.value.value = String(Number(value.toPrecision(3)));
    row.weight.textContent = signedNum(weight(row.index));
    row.part.textContent = signedNum(part);
    row.bar.className = part < 0 ? "neg" : "pos";
    Object.assign(row.bar.style, { left: part < 0 ? `${50 - width}%` : "50%", width: `${width}%` });
    row.auto.disabled = !edited;
    row.node.classList.toggle("edited", edited);
    const rare = edited && !off && isUnusual(value, c);
    row.flag.textContent = off ? "off-distribution" : rare ? "unusual value" : edited ? `was ${num(c.score)}` : "";
    row.flag.className = off ? "cx-bad" : rare ? "cx-rare" : "cx-soft";
    row.flag.title = off ? `No image of the store scores outside ${num(c.lo)} to ${num(c.hi)}`
      : rare ? `Images do score so, but few: usual is ${num(c.low)} to ${num(c.high)}` : "";
  }
}
