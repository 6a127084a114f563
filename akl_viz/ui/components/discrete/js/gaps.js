// The share of a gap that is left, against the step: a line per loss, a band over seeds, and a cursor at the frame.

const GAP = { left: 44, right: 12, top: 8, bottom: 34 };
// Pixels a finger moves along a curve before it moves the frame: a page that is scrolled moves nothing.
const FINGER_SLACK = 8;

class Gap {
  constructor(data, place, title, hint, move, settle) {
    this.data = data;
    this.place = place;
    this.steps = early(data.steps[data.steps.length - 1]);
    this.art = svg("svg", { role: "img", class: "gap" });
    this.node = el("section", { class: "panel" }, el("h3", {}, title), el("small", {}, hint), this.art);
    this.tip = new Tip(this.node);
    this.move = move;
    this.settle = settle;
    this.art.addEventListener("pointerdown", (event) => this.grab(event));
    this.art.addEventListener("pointermove", (event) => this.pull(event));
    this.art.addEventListener("pointerup", (event) => this.drop(event));
    this.art.addEventListener("pointercancel", () => { this.held = null; });
    this.art.addEventListener("pointerleave", () => this.tip.hide());
    this.node.dataset.gap = title;
  }

  frameAt(event) {
    const share = (event.clientX - this.art.getBoundingClientRect().left - GAP.left) / (this.width - GAP.left - GAP.right);
    return this.nearest(this.steps.of(Math.max(0, Math.min(1, share))));
  }

  grab(event) {
    this.art.setPointerCapture(event.pointerId);
    this.held = { from: event.clientX, moved: event.pointerType !== "touch" };
    if (this.held.moved) this.move(this.frameAt(event));
  }

  pull(event) {
    if (!this.held) { if (event.pointerType === "mouse") this.point(event); return; }
    this.tip.hide();
    this.held.moved ||= Math.abs(event.clientX - this.held.from) >= FINGER_SLACK;
    if (this.held.moved) this.move(this.frameAt(event));
  }

  // A tap moves the frame as a click does.
  drop(event) {
    if (!this.held) return;
    this.held = null;
    this.move(this.frameAt(event));
    this.settle();
  }

  point(event) {
    const { data } = this, frame = this.frameAt(event), box = this.node.getBoundingClientRect();
    const rows = data.losses.map((loss, index) => [loss, index]).filter(([loss]) => !this.hidden.has(loss.name))
      .map(([loss, index]) => [lineMark(loss, index)[1], loss.name, this.middle(index)[frame]]);
    this.tip.show(event.clientX - box.left, event.clientY - box.top, `step ${data.steps[frame]}`, rows);
  }

  nearest(step) {
    const { steps } = this.data;
    let best = 0;
    for (let k = 1; k < steps.length; k++) if (Math.abs(steps[k] - step) < Math.abs(steps[best] - step)) best = k;
    return best;
  }

  // Row of the curves: lower end, median, upper end where there is a band, else the one seed.
  series(loss, row) {
    const { data } = this, frames = data.steps.length, rows = data.band ? 3 : 1;
    const start = ((this.place * data.losses.length + loss) * rows + row) * frames;
    return data.curves.subarray(start, start + frames);
  }

  layout(width, height, log, hidden) {
    this.width = width;
    this.hidden = hidden;
    const { data } = this, rows = data.band ? 3 : 1, plot = { width: width - GAP.left - GAP.right, height: height - GAP.top - GAP.bottom };
    const all = data.losses.flatMap((_, loss) => Array.from({ length: rows }, (_, row) => this.series(loss, row)));
    const top = 1.03 * all.reduce((most, one) => one.reduce((best, value) => Math.max(best, value), most), 1);
    const least = all.reduce((low, one) => one.reduce((best, value) => (value > 0 ? Math.min(best, value) : best), low), 1);
    const scale = log ? logarithmic(Math.max(-8, Math.floor(Math.log10(least))), top) : linear(top);
    this.x = (step) => GAP.left + this.steps.at(step) * plot.width;
    this.y = (value) => GAP.top + (1 - scale.at(value)) * plot.height;
    const base = GAP.top + plot.height, right = width - GAP.right;
    const levels = scale.ticks.map((tick) => [
      svg("line", { class: "grid", x1: GAP.left, x2: right, y1: this.y(tick), y2: this.y(tick) }),
      svg("text", { class: "tick", x: GAP.left - 6, y: this.y(tick) + 4, "text-anchor": "end" }, scale.text(tick))]).flat();
    const ticks = spaced(this.steps.ticks.map((step) => [this.steps.at(step), String(step)]), plot.width, 26).map(([share, text]) =>
      svg("text", { class: "tick", x: GAP.left + share * plot.width, y: base + 14, "text-anchor": "middle" }, text));
    this.cursor = svg("line", { class: "cursor", y1: GAP.top, y2: base });
    this.dots = data.losses.map((loss) => svg("circle", { class: "dot", r: 3.5, style: { fill: colourOf(loss) } }));
    const shown = data.losses.map((loss, index) => [loss, index]).filter(([loss]) => !hidden.has(loss.name));
    const bands = data.band ? shown.map(([loss, index]) => svg("path", { class: "band", d: this.band(index), style: { fill: colourOf(loss) } })) : [];
    const lines = shown.map(([loss, index]) => svg("path", { class: "curve", d: this.line(this.middle(index)), style: { stroke: colourOf(loss) }, "stroke-dasharray": dashOf(index).join(" ") }));
    for (const [name, value] of [["viewBox", `0 0 ${width} ${height}`], ["width", width], ["height", height]]) this.art.setAttribute(name, value);
    this.art.replaceChildren(...levels, ...ticks, ...bands, ...lines, this.cursor, ...shown.map(([, index]) => this.dots[index]),
      svg("text", { class: "tick", x: (GAP.left + right) / 2, y: height - 4, "text-anchor": "middle" }, "optimiser step (log axis)"));
  }

  middle(loss) {
    return this.series(loss, this.data.band ? 1 : 0);
  }

  points(values) {
    return Array.from(values, (value, k) => `${this.x(this.data.steps[k]).toFixed(1)} ${this.y(value).toFixed(1)}`);
  }

  line(values) {
    return `M${this.points(values).join("L")}`;
  }

  band(loss) {
    return `M${this.points(this.series(loss, 2)).join("L")}L${this.points(this.series(loss, 0)).reverse().join("L")}Z`;
  }

  draw(frame) {
    const x = this.x(this.data.steps[frame]).toFixed(1);
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    this.dots.forEach((dot, loss) => {
      dot.setAttribute("cx", x);
      dot.setAttribute("cy", this.y(this.middle(loss)[frame]).toFixed(1));
    });
  }

  describe(frame) {
    const left = this.data.losses.map((loss, index) => `${loss.name} ${num(this.middle(index)[frame])}`).join(", ");
    this.art.setAttribute("aria-label", `${this.node.dataset.gap}, share left at step ${this.data.steps[frame]}: ${left}`);
  }
}
