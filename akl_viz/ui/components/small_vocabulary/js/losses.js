// The table of all divergences: value, bounds, and every step in small; pointing previews one, a click chooses it.

const SPARK = { width: 96, height: 26 };

class Losses {
  constructor(app) {
    this.app = app;
    this.body = el("tbody");
    this.body.addEventListener("pointerover", (event) => {
      const row = event.target.closest("tr");
      if (row && event.pointerType !== "touch") app.preview(row.dataset.loss);
    });
    this.body.addEventListener("pointerleave", () => app.preview(null));
    const heading = (text, kind) => el("th", { scope: "col", class: kind }, text);
    const table = el("table", { class: "losses", "aria-label": "Every divergence between the two distributions" },
      el("thead", {}, el("tr", {}, heading("divergence"), heading("value, bounds", "right"),
        heading("step on each logit, ↑ raise ↓ lower"))),
      this.body);
    this.node = el("section", { class: "all" }, el("h3", {}, "Every divergence on these bars"), table,
      el("p", { class: "hint" }, "Each row of arrows has its own scale; the number is its longest step. Point at a row to see it on the bars, click to keep it."));
    this.rows = new Map();
  }

  build(losses) {
    const keys = losses.map((loss) => loss.key).join();
    if (keys === this.keys) return;
    this.keys = keys;
    this.rows = new Map(losses.map((loss) => [loss.key, this.row(loss)]));
    this.body.replaceChildren(...[...this.rows.values()].map((row) => row.node));
  }

  row(loss) {
    const button = el("button", { type: "button", class: "pickloss", "aria-pressed": "false", onclick: () => this.app.choose(loss.key) },
      el("i", { class: "dot", style: { background: `var(--akl-loss-${loss.key}, var(--akl-ink))` } }),
      el("span", {}, loss.label, " ", el("small", {}, loss.direction)));
    const value = el("span", { class: "v", "data-field": `value.${loss.key}` });
    const unit = el("small", {}, loss.unit);
    const bounds = el("small", { class: "bounds" });
    const spark = svg("svg", { class: "spark", width: SPARK.width, height: SPARK.height, viewBox: `0 0 ${SPARK.width} ${SPARK.height}`, role: "img" });
    const longest = el("small", { class: "longest" });
    const node = el("tr", { "data-loss": loss.key }, el("th", { scope: "row" }, button),
      el("td", { class: "right value" }, value, " ", unit, bounds), el("td", { class: "sparks" }, el("span", { class: "sparkline" }, spark, longest)));
    return { node, button, value, unit, bounds, spark, longest };
  }

  draw(numbers, labels) {
    this.build(numbers.losses);
    const size = labels.length;
    numbers.losses.forEach((loss, n) => {
      const row = this.rows.get(loss.key);
      put(row.value, numbers.values[n]);
      row.button.title = `${loss.formula}; ${loss.source}`;
      row.unit.textContent = loss.unit;
      row.bounds.textContent = loss.upper === null ? (loss.finite ? "0 and up, finite" : "0 to ∞") : `0 to ${num(loss.upper)}`;
      const steps = numbers.steps.subarray(n * size, (n + 1) * size);
      this.spark(row, steps, labels, Number.isFinite(numbers.values[n]));
    });
  }

  spark(row, steps, labels, finite) {
    const limit = extent(steps), middle = SPARK.height / 2, width = SPARK.width / steps.length;
    const marks = Array.from(steps, (step, i) => {
      const tip = middle - (step / limit) * (middle - 1), x = (i + 0.5) * width, half = Math.min(4, 0.38 * width);
      const wing = Math.sign(middle - tip) * Math.min(Math.abs(middle - tip), half + 1);
      return `M${(x - half).toFixed(1)} ${(tip + wing).toFixed(1)}L${x.toFixed(1)} ${tip.toFixed(1)}L${(x + half).toFixed(1)} ${(tip + wing).toFixed(1)}M${x.toFixed(1)} ${middle}V${tip.toFixed(1)}`;
    });
    const colour = `var(--akl-loss-${row.node.dataset.loss}, var(--akl-ink))`;
    row.spark.replaceChildren(
      svg("line", { class: "zero", x1: 0, x2: SPARK.width, y1: middle, y2: middle }),
      svg("path", { d: marks.join(""), style: { stroke: colour } }));
    const most = steps.reduce((best, step, i) => (Math.abs(step) > Math.abs(steps[best]) ? i : best), 0);
    row.spark.setAttribute("aria-label", `longest step ${signed(steps[most])} on ${spoken(labels[most])}`);
    row.longest.textContent = !finite && steps[most] === 0 ? NO_STEP : signed(steps[most]);
  }

  mark(chosen, shown) {
    for (const [key, row] of this.rows) {
      row.button.setAttribute("aria-pressed", String(key === chosen));
      row.node.classList.toggle("shown", key === shown);
    }
  }
}
