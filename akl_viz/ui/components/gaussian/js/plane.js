// Two dimensions: level lines of the target, an ellipse per student.

const PLANE = [-20, 120];
const CELLS = 72;
const LEVELS = [0.02, 0.1, 0.25, 0.5, 0.75, 0.95];
const TURNS = 48;

class Plane {
  constructor(width, height) {
    Object.assign(this, { width, height });
    // The same length for a unit of x and of y: an ellipse keeps its shape.
    const side = Math.min(width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom);
    this.plot = { width: side, height: side };
    this.left = Math.max(MARGIN.left, (width - side) / 2);
  }

  x(value) {
    return this.left + ((value - PLANE[0]) / (PLANE[1] - PLANE[0])) * this.plot.width;
  }

  y(value) {
    return MARGIN.top + (1 - (value - PLANE[0]) / (PLANE[1] - PLANE[0])) * this.plot.height;
  }

  at(px, py) {
    const span = PLANE[1] - PLANE[0];
    return [PLANE[0] + ((px - this.left) / this.plot.width) * span, PLANE[0] + (1 - (py - MARGIN.top) / this.plot.height) * span];
  }

  // The ellipse one standard deviation from the mean; covariance row by row.
  student(mean, covariance) {
    const a = Math.sqrt(covariance[0]), b = covariance[1] / a, c = Math.sqrt(Math.max(0, covariance[3] - b * b));
    const points = Array.from({ length: TURNS }, (_, k) => {
      const angle = (2 * Math.PI * k) / TURNS, u = Math.cos(angle), v = Math.sin(angle);
      return `${this.x(mean[0] + a * u).toFixed(1)} ${this.y(mean[1] + b * u + c * v).toFixed(1)}`;
    });
    return `M${points.join("L")}Z`;
  }

  label(mean, covariance) {
    return [this.x(mean[0]), this.y(mean[1] + Math.sqrt(covariance[3])) - 6];
  }

  frame() {
    const base = MARGIN.top + this.plot.height, right = this.left + this.plot.width, ticks = [0, 20, 40, 60, 80, 100];
    return [
      svg("rect", { class: "grid", fill: "none", x: this.left, y: MARGIN.top, width: this.plot.width, height: this.plot.height }),
      ...ticks.flatMap((tick) => [
        svg("text", { class: "tick", x: this.x(tick), y: base + 15, "text-anchor": "middle" }, tick),
        svg("text", { class: "tick", x: this.left - 5, y: this.y(tick) + 4, "text-anchor": "end" }, tick)]),
      svg("text", { class: "tick", x: (this.left + right) / 2, y: base + 31, "text-anchor": "middle" }, "x"),
      svg("text", { class: "tick", x: this.left - 18, y: 12 }, "y"),
    ];
  }

  target(parts) {
    const density = mixture(parts), values = new Float64Array(CELLS * CELLS), gap = (PLANE[1] - PLANE[0]) / (CELLS - 1);
    let top = 0;
    for (let j = 0; j < CELLS; j++) for (let i = 0; i < CELLS; i++) {
      const value = density(PLANE[0] + gap * i, PLANE[0] + gap * j);
      values[j * CELLS + i] = value;
      top = Math.max(top, value);
    }
    const at = (i, j) => `${this.x(PLANE[0] + gap * i).toFixed(1)} ${this.y(PLANE[0] + gap * j).toFixed(1)}`;
    return LEVELS.map((share) => svg("path", { class: "level", d: contour(values, CELLS, CELLS, share * top, at), style: { opacity: 0.35 + 0.6 * share } }));
  }

  anchors([mx, my, sx, sy]) {
    return { mean: [this.x(mx), this.y(my)], sdx: [this.x(mx + sx), this.y(my)], sdy: [this.x(mx), this.y(my + sy)] };
  }

  drag([mx, my, sx, sy, weight], kind, px, py) {
    const [x, y] = this.at(px, py);
    if (kind === "mean") return [x, y, sx, sy, weight];
    return kind === "sdx" ? [mx, my, x - mx, sy, weight] : [mx, my, sx, y - my, weight];
  }
}
