// The distributions at one step: the teacher as an area or bars, a line per student on a canvas above it.

const STAGE = { left: 52, right: 10, top: 12, bottom: 62 };
const BARS = 40;

class Stage {
  constructor(data, students) {
    this.data = data;
    this.students = students;
    this.probabilities = probabilities(data);
    this.teacher = Float64Array.from(data.teacher, (code) => this.probabilities[code]);
    this.axis = tokenAxis(data.tokens, data.positions);
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.art = svg("svg", { role: "img", "aria-label": `Teacher and ${data.losses.length} students over ${data.tokens} tokens; the numbers are in the table` });
    this.node = el("div", { class: "stage" }, this.art, this.canvas);
    this.tip = new Tip(this.node);
    this.node.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse") { this.at = [event.offsetX, event.offsetY]; this.point(); } });
    this.node.addEventListener("pointerleave", () => { this.at = null; this.tip.hide(); });
  }

  // The token under the pointer: the teacher's probability and every student's at this frame.
  point() {
    if (!this.at || !this.drawn) return;
    const { data, xs, drawn } = this, [x, y] = this.at;
    let near = 0;
    for (let i = 1; i < xs.length; i++) if (Math.abs(xs[i] - x) < Math.abs(xs[near] - x)) near = i;
    const p = (code) => this.probabilities[code];
    const rows = data.losses.map((loss, index) => [loss, index]).filter(([loss]) => !drawn.hidden.has(loss.name))
      .map(([loss, index]) => [lineMark(loss, index)[1], loss.name, p(this.students[this.begin(index, drawn.frame) + near])]);
    this.tip.show(x, y, this.axis.called(near), [[el("i", { class: "mark teacherarea" }), "teacher", this.teacher[near]], ...rows]);
  }

  // Where a loss's probabilities of a frame begin. A large run is drawn at fewer steps than it was measured at: then at
  // the last one drawn before.
  begin(loss, frame) {
    return (loss * this.data.frames + this.data.frame[frame]) * this.data.tokens;
  }

  layout(width, height, log) {
    this.width = width;
    this.height = height;
    const { data } = this, plot = { width: width - STAGE.left - STAGE.right, height: height - STAGE.top - STAGE.bottom };
    this.scale = log ? logarithmic(data.floor, data.top) : linear(data.top);
    const x = (share) => STAGE.left + share * plot.width;
    const y = (value) => STAGE.top + (1 - this.scale.at(value)) * plot.height;
    this.xs = Float64Array.from({ length: data.tokens }, (_, i) => x(this.axis.at(i)));
    this.ys = this.probabilities.map(y);
    this.paint(x, y, plot);
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
    this.context = this.canvas.getContext("2d");
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  // Everything that no frame changes.
  paint(x, y, plot) {
    const base = STAGE.top + plot.height, right = x(1);
    const strip = (mask, row, kind) => this.runs(mask).map(([from, to]) =>
      svg("rect", { class: kind, x: from, width: Math.max(1.5, to - from), y: base + 26 + row * 9, height: 6 }));
    const shade = this.runs(this.data.head).map(([from, to]) =>
      svg("rect", { class: "headshade", x: from, width: Math.max(1.5, to - from), y: STAGE.top, height: plot.height }));
    const levels = this.scale.ticks.map((tick) => [
      svg("line", { class: "grid", x1: STAGE.left, x2: right, y1: y(tick), y2: y(tick) }),
      svg("text", { class: "tick", x: STAGE.left - 6, y: y(tick) + 4, "text-anchor": "end" }, this.scale.text(tick))]).flat();
    const places = spaced(this.axis.ticks, plot.width, 34).map(([share, text]) =>
      svg("text", { class: "tick", x: x(share), y: base + 16, "text-anchor": "middle" }, text));
    this.art.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.art.setAttribute("width", this.width);
    this.art.setAttribute("height", this.height);
    this.art.replaceChildren(...shade, ...levels, ...this.target(x, y, base), ...places,
      ...strip(this.data.head, 0, "headstrip"), ...strip(this.data.tail, 1, "tailstrip"),
      svg("text", { class: "tick", x: (STAGE.left + right) / 2, y: this.height - 4, "text-anchor": "middle" }, this.axis.name),
      svg("text", { class: "tick", transform: `translate(11 ${STAGE.top + plot.height / 2}) rotate(-90)`, "text-anchor": "middle" }, "probability"));
  }

  target(x, y, base) {
    if (this.data.tokens <= BARS) {
      const half = 0.36 * (x(1) - x(0)) / this.data.tokens;
      return Array.from(this.teacher, (p, i) => svg("rect", { class: "teacherarea", x: this.xs[i] - half, width: 2 * half, y: y(p), height: Math.max(0, base - y(p)) }));
    }
    const line = Array.from(this.teacher, (p, i) => `${this.xs[i].toFixed(1)} ${y(p).toFixed(1)}`).join("L");
    return [svg("path", { class: "teacherarea", d: `M${this.xs[0].toFixed(1)} ${base}L${line}L${this.xs[this.xs.length - 1].toFixed(1)} ${base}Z` })];
  }

  // Stretches of marked tokens, each from half way to the token before to half way to the one after.
  runs(mask) {
    const found = [], last = mask.length - 1;
    const { xs } = this, ends = [STAGE.left, this.width - STAGE.right];
    const edge = (i) => {
      if (i < 0) return Math.max(ends[0], xs[0] - (xs[1] - xs[0]) / 2);
      return i >= last ? Math.min(ends[1], xs[last] + (xs[last] - xs[last - 1]) / 2) : (xs[i] + xs[i + 1]) / 2;
    };
    for (let i = 0; i <= last; i++) {
      if (!mask[i]) continue;
      const from = edge(i - 1);
      while (i < last && mask[i + 1]) i++;
      found.push([from, edge(i)]);
    }
    return found;
  }

  draw(frame, colours, hidden) {
    const { context, xs, ys, students, data } = this, size = data.tokens;
    this.drawn = { frame, hidden };
    context.clearRect(0, 0, this.width, this.height);
    context.lineWidth = size > MANY ? 1 : 2;
    context.lineJoin = "round";
    for (let loss = 0; loss < data.losses.length; loss++) {
      if (hidden.has(data.losses[loss].name)) continue;
      const start = this.begin(loss, frame);
      context.strokeStyle = colours[loss];
      context.setLineDash(dashOf(loss));
      context.beginPath();
      context.moveTo(xs[0], ys[students[start]]);
      for (let i = 1; i < size; i++) context.lineTo(xs[i], ys[students[start + i]]);
      context.stroke();
    }
    this.point();
  }
}
