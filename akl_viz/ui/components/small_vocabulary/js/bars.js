// One row per token: two bars that are dragged, what the token adds to a divergence, and the step on its logit.

const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
const SIDES = ["teacher", "student"];
// Pixels a finger moves along a bar before it drags: a page that is scrolled changes nothing.
const SLACK = 8;

// Stands where the value is infinite and no finite step exists.
const NO_STEP = "–";

function put(node, value, text) {
  node.setAttribute("data-value", exact(value));
  node.textContent = text ?? num(value);
}

class Bars {
  constructor(app) {
    this.app = app;
    this.head = el("div", { class: "vrow vhead", "aria-hidden": "true" });
    this.body = el("div", { class: "vbody" });
    this.node = el("div", { class: "vocabulary" }, this.head, this.body);
    this.rows = [];
    this.held = null;
  }

  build(labels) {
    this.rows = labels.map((label, i) => this.row(label, i));
    this.body.replaceChildren(...this.rows.map((row) => row.node));
    this.node.style.setProperty("--name", `${Math.min(7.5, Math.max(3, 0.62 * Math.max(...labels.map((label) => label.length)) + 1.2))}em`);
  }

  row(label, i) {
    const name = el("span", { class: "tok", title: label }, el("span", { class: "aim", "aria-hidden": "true" }));
    appendToken(name, label);
    const row = { label, name, slides: {}, numbers: {} };
    for (const side of SIDES) {
      row.slides[side] = this.slide(side, label, i);
      row.numbers[side] = el("span", { class: `v ${side}`, "data-field": `${side}.${i}` });
    }
    row.term = el("i", { class: "bar" });
    row.termValue = el("span", { class: "v", "data-field": `term.${i}` });
    row.step = el("i", { class: "arrow" });
    row.stepValue = el("span", { class: "v", "data-field": `step.${i}` });
    row.node = el("div", { class: "vrow", role: "group", "aria-label": `Token ${spoken(label)}`, "data-token": i },
      name,
      el("div", { class: "slides" }, ...SIDES.map((side) => row.slides[side])),
      el("div", { class: "nums" }, ...SIDES.map((side) => row.numbers[side])),
      el("div", { class: "cell", "data-name": "adds" }, el("span", { class: "track" }, row.term), row.termValue),
      el("div", { class: "cell", "data-name": "step" }, el("span", { class: "track" }, row.step), row.stepValue));
    return row;
  }

  slide(side, label, i) {
    const node = el("div", {
      class: `slide ${side}`, role: "slider", tabindex: "0", "data-side": side, "data-token": i,
      "aria-label": `${side} probability of ${spoken(label)}`, "aria-valuemin": "0", "aria-valuemax": "1",
    }, el("i", { class: "fill" }), el("i", { class: "tempered", hidden: true }));
    node.addEventListener("pointerdown", (event) => this.grab(event, node, side, i));
    node.addEventListener("pointermove", (event) => this.pull(event));
    node.addEventListener("pointerup", (event) => this.drop(event));
    node.addEventListener("pointercancel", (event) => this.give(event));
    node.addEventListener("keydown", (event) => this.key(event, side, i));
    return node;
  }

  grab(event, node, side, i) {
    if (event.button !== 0 || this.held) return;
    node.setPointerCapture(event.pointerId);
    node.focus({ preventScroll: true });
    this.held = { node, side, i, pointer: event.pointerId, from: event.clientX, touch: event.pointerType === "touch", weights: this.app.state[side], before: shares(this.app.state[side]), axis: this.axis };
    if (!this.held.touch) this.pull(event);
    event.preventDefault();
  }

  pull(event) {
    if (this.held?.pointer !== event.pointerId) return;
    const { node, side, i, before, axis, from, touch } = this.held;
    if (touch && !this.held.moved && Math.abs(event.clientX - from) < SLACK) return;
    if (!this.held.moved) this.app.remember();
    this.held.moved = true;
    const box = node.getBoundingClientRect();
    const share = axis.share((event.clientX - box.left) / box.width);
    this.app.setWeights(side, withShare(before, i, share), false);
  }

  drop(event) {
    if (this.held?.pointer !== event.pointerId) return;
    // A tap sets the bar, as a click does.
    this.held.touch = false;
    if (!this.held.moved) this.pull(event);
    const { side } = this.held;
    this.held = null;
    this.app.setWeights(side, this.app.state[side], true);
  }

  // The browser takes the finger for a scroll: what it moved so far goes back.
  give(event) {
    if (this.held?.pointer !== event.pointerId) return;
    const { side, weights, moved } = this.held;
    this.held = null;
    if (moved) this.app.forget(side, weights);
  }

  key(event, side, i) {
    const before = shares(this.app.state[side]);
    const ends = { Home: 0, End: 1 };
    let share = ends[event.key];
    if (event.key in STEPS) share = this.axis.step(before[i], STEPS[event.key] * (event.shiftKey ? 10 : 1));
    if (share === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.app.remember(`${side}.${i}`);
    this.app.setWeights(side, withShare(before, i, share), true);
  }

  // The bars as they are dragged: no server in between.
  drawBars() {
    const { state } = this.app;
    const now = { teacher: shares(state.teacher), student: shares(state.student) };
    if (!this.held) this.axis = new Axis(state.scale === "log", Math.max(...now.teacher, ...now.student));
    for (const side of SIDES) {
      this.rows.forEach((row, i) => {
        const p = now[side][i], slide = row.slides[side];
        slide.firstChild.style.width = `${100 * this.axis.place(p)}%`;
        slide.classList.toggle("cut", p > this.axis.top);
        slide.setAttribute("aria-valuenow", String(p));
        slide.setAttribute("aria-valuetext", `${num(p)}, ${side}`);
      });
    }
    this.head.replaceChildren(...this.headings());
  }

  headings() {
    const ends = (low, high) => el("span", { class: "ends" }, el("small", {}, low), el("small", {}, high));
    const ticks = this.axis.ticks.map(([at, text]) =>
      el("small", { class: at === 0 ? "first" : at === 1 ? "last" : "", style: { left: `${100 * at}%` } }, text));
    return [
      el("span", { class: "tok" }, "token"),
      el("span", { class: "axis" }, ...ticks),
      el("span", { class: "right" }, this.app.state.temperature === 1 ? "p, q" : "p, q at τ"),
      el("span", { class: "heading" }, el("b", {}, "adds to the value"), ends("less", "more")),
      el("span", { class: "heading" }, el("b", {}, "step on the logit"), ends("← lower", "raise →")),
    ];
  }

  // What Python says about these bars, for the loss that is looked at.
  drawNumbers(numbers, loss) {
    const size = this.rows.length;
    const terms = numbers.terms.subarray(loss * size, (loss + 1) * size), endless = !Number.isFinite(numbers.values[loss]);
    const steps = numbers.steps.subarray(loss * size, (loss + 1) * size);
    const limits = [extent(terms), extent(steps)];
    const warm = this.app.state.temperature !== 1;
    const chosen = numbers.heads.findIndex((head) => head.boundary === this.app.state.boundary);
    this.body.style.setProperty("--loss", `var(--akl-loss-${numbers.losses[loss].key}, var(--akl-ink))`);
    this.rows.forEach((row, i) => {
      const inside = numbers.heads.map((head) => head.mask[i] === 1);
      row.node.classList.toggle("head", inside[chosen]);
      row.node.classList.toggle("edge", !inside[chosen] && inside.some(Boolean));
      row.name.firstChild.textContent = numbers.losses[loss].target && numbers.target === i ? "◎ " : "";
      for (const [side, values] of [["teacher", numbers.p], ["student", numbers.q]]) {
        put(row.numbers[side], values[i]);
        const mark = row.slides[side].lastChild;
        mark.hidden = !warm;
        mark.style.left = `${100 * this.axis.place(values[i])}%`;
      }
      put(row.termValue, terms[i], signed(terms[i]));
      lay(row.term, terms[i], limits[0]);
      put(row.stepValue, steps[i], endless && steps[i] === 0 ? NO_STEP : signed(steps[i]));
      lay(row.step, steps[i], limits[1]);
      row.step.classList.toggle("lower", steps[i] < 0);
    });
  }
}

// The largest finite size, so that an infinite bar is the longest and not the only one.
function extent(values) {
  return Math.max(1e-12, ...Array.from(values, Math.abs).filter(Number.isFinite));
}

// A bar from the middle: to the right where positive.
function lay(node, value, limit) {
  const half = 50 * Math.min(1, Math.abs(value) / limit);
  node.style.left = `${value < 0 ? 50 - half : 50}%`;
  node.style.width = `${half}%`;
  node.classList.toggle("cut", !Number.isFinite(value));
}
