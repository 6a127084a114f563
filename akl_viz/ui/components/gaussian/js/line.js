// One dimension: densities over x.

const MARGIN = { left: 44, right: 12, top: 22, bottom: 36 };
const DOMAINS = { paper: [0, 98], wide: [-20, 120] };
const SAMPLES = 240;
const PEAK = Math.exp(-0.5);

class Line {
  constructor(width, height, grid, top) {
    Object.assign(this, { width, height, grid, top });
    this.domain = DOMAINS[grid];
    this.plot = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
  }

  static top(parts, students, grid) {
    const target = onGrid(mixture(parts), grid);
    const [low, high] = DOMAINS[grid];
    let top = 0;
    for (let k = 0; k <= SAMPLES; k++) top = Math.max(top, target(low + ((high - low) * k) / SAMPLES));
    for (const one of students) {
      const mean = Math.min(high, Math.max(low, one.mean[0]));
      top = Math.max(top, onGrid((x) => bell(x - one.mean[0], one.covariance[0][0]), grid)(mean));
    }
    return top * 1.06;
  }

  x(value) {
    return MARGIN.left + ((value - this.domain[0]) / (this.domain[1] - this.domain[0])) * this.plot.width;
  }

  y(value) {
    return MARGIN.top + (1 - Math.min(1.2, value / this.top)) * this.plot.height;
  }

  // The data under a point of the drawing.
  at(px) {
    return this.domain[0] + ((px - MARGIN.left) / this.plot.width) * (this.domain[1] - this.domain[0]);
  }

  path(curve) {
    const [low, high] = this.domain, points = [];
    for (let k = 0; k <= SAMPLES; k++) {
      const x = low + ((high - low) * k) / SAMPLES;
      points.push(`${this.x(x).toFixed(1)} ${this.y(curve(x)).toFixed(1)}`);
    }
    return `M${points.join("L")}`;
  }

  student(mean, covariance) {
    return this.path(onGrid((x) => bell(x - mean[0], covariance[0]), this.grid));
  }

  // Where the name of a student stands: above its peak.
  label(mean, covariance) {
    const at = Math.min(this.domain[1], Math.max(this.domain[0], mean[0]));
    return [this.x(at), this.y(onGrid((x) => bell(x - mean[0], covariance[0]), this.grid)(at)) - 6];
  }

  frame() {
    const base = MARGIN.top + this.plot.height;
    const ticks = spaced([-20, 0, 20, 40, 60, 80, 100, 120].filter((x) => x >= this.domain[0] && x <= this.domain[1]).map((x) => [(this.x(x) - MARGIN.left) / this.plot.width, x]), this.plot.width, 30);
    const scale = linear(this.top);
    return [
      ...scale.ticks.filter((tick) => tick <= this.top).flatMap((tick) => [
        svg("line", { class: "grid", x1: MARGIN.left, x2: this.width - MARGIN.right, y1: this.y(tick), y2: this.y(tick) }),
        svg("text", { class: "tick", x: MARGIN.left - 5, y: this.y(tick) + 4, "text-anchor": "end" }, scale.text(tick))]),
      ...ticks.map(([, x]) => svg("text", { class: "tick", x: this.x(x), y: base + 15, "text-anchor": "middle" }, String(x).replace("-", SIGN))),
      svg("text", { class: "tick", x: this.x((this.domain[0] + this.domain[1]) / 2), y: this.height - 4, "text-anchor": "middle" }, "x"),
      svg("text", { class: "tick", x: 4, y: 12 }, "density"),
    ];
  }

  target(parts) {
    const d = this.path(onGrid(mixture(parts), this.grid)), base = MARGIN.top + this.plot.height;
    return [
      svg("path", { class: "area", d: `${d}L${this.x(this.domain[1])} ${base}L${this.x(this.domain[0])} ${base}Z` }),
      svg("path", { class: "targetline", d }),
    ];
  }

  // Handles of a part: its peak, and where the density has fallen to 0.61 of it.
  anchors([mean, sd, weight], parts) {
    const share = weight / parts.reduce((sum, part) => sum + part[2], 0);
    const scale = onGrid(mixture(parts), this.grid)(mean) / mixture(parts)(mean);
    const peak = share * bell(0, sd * sd) * scale;
    // A grip of what lies beyond the drawing stays at its edge, where a hand can take it.
    const edge = (value) => this.x(Math.min(this.domain[1], Math.max(this.domain[0], value)));
    return { mean: [edge(mean), this.y(peak)], sd: [edge(mean + sd), this.y(peak * PEAK)] };
  }

  drag(part, kind, px) {
    return kind === "mean" ? [this.at(px), part[1], part[2]] : [part[0], this.at(px) - part[0], part[2]];
  }
}
