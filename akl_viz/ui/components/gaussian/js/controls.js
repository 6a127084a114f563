// Preset, grid, the two sliders over all parts, and the numbers of every part.

const TITLES = { 1: ["mean", "sd", "weight"], 2: ["mean x", "mean y", "sd x", "sd y", "weight"] };
const SD_SLIDER = { 1: [2, 20, 0.25], 2: [5, 30, 0.5] };

class Controls {
  constructor(app) {
    this.app = app;
    this.preset = el("select", { "data-control": "preset", onchange: () => app.take(this.preset.value) });
    this.grid = el("span", { class: "knob" });
    this.sd = new Slide("sd", "sd of all parts", (sd, done) => app.spread(sd, done));
    this.spacing = new Slide("spacing", "Spacing of the means", (gap, done) => app.space(gap, done));
    this.weights = new Weights(app);
    this.rows = el("tbody");
    this.head = el("tr");
    const button = (name, text, act) => el("button", { type: "button", "data-control": name, onclick: act }, text);
    this.add = button("add", "Add a part", () => app.add());
    this.reset = button("reset", "Reset", () => app.take(app.state.preset));
    this.node = el("div", { class: "controls" },
      el("div", { class: "knobs" }, knob("Target", this.preset), this.grid, this.sd.node, this.spacing.node),
      el("div", { class: "knobs" }, el("div", { class: "scroll" }, el("table", { class: "parts" }, el("thead", {}, this.head), this.rows)), el("div", { class: "actions" }, this.add, this.reset), this.weights.node));
  }

  show(data, state, dimension) {
    if (!this.preset.children.length) this.preset.replaceChildren(...data.presets.map(([key, label]) => el("option", { value: key }, label)));
    this.preset.value = state.preset;
    this.segments(data, state);
    const sds = state.parts.flatMap((part) => part.slice(dimension, 2 * dimension)), same = sds.every((sd) => sd === sds[0]);
    this.sd.show(SD_SLIDER[dimension], same ? sds[0] : sds.reduce((a, b) => a + b) / sds.length, same ? String(sds[0]) : "mixed");
    const means = state.parts.map((part) => part[0]), gap = Math.max(...means) - Math.min(...means);
    this.spacing.node.hidden = dimension === 2 || gap === 0;
    this.spacing.show([1, 100, 1], gap, num(gap));
    this.add.disabled = state.parts.length >= data.bounds.parts;
    this.numbers(data.bounds, state.parts, dimension);
    this.weights.show(state.parts);
  }

  segments(data, state) {
    const key = JSON.stringify([data.grids, state.grid]);
    if (key === this.drawnGrid) return;
    const first = this.drawnGrid === undefined;
    this.drawnGrid = key;
    const focused = !first && this.grid.contains(this.grid.getRootNode().activeElement);
    this.grid.hidden = data.grids.length === 0;
    this.grid.replaceChildren(el("span", {}, "Drawn on"), segmented("Grid", data.grids, state.grid, (grid) => this.app.change({ grid })));
    if (focused) this.grid.querySelector("[aria-pressed='true']")?.focus({ preventScroll: true });
  }

  numbers(bounds, parts, dimension) {
    const shape = `${parts.length}/${dimension}`;
    if (shape !== this.shape) {
      this.shape = shape;
      this.head.replaceChildren(...["part", ...TITLES[dimension], ""].map((title) => el("th", { scope: "col" }, title || el("span", { class: "unseen" }, "remove"))));
      this.boxes = parts.map((part, i) => TITLES[dimension].map((title, k) => this.box(bounds, title, i, k)));
      this.rows.replaceChildren(...this.boxes.map((boxes, i) => el("tr", {}, el("th", { scope: "row" }, i + 1), ...boxes.map((box) => el("td", {}, box)),
        el("td", {}, el("button", { type: "button", class: "quiet", "aria-label": `Remove part ${i + 1}`, disabled: parts.length === 1, onclick: () => this.app.remove(i) }, "×")))));
    }
    const active = this.node.getRootNode().activeElement;
    this.boxes.forEach((boxes, i) => boxes.forEach((box, k) => { if (box !== active || !box.matches(":focus-visible") || !box.dirty) box.value = String(parts[i][k]); }));
  }

  box(bounds, title, i, k) {
    const [low, high] = bounds[title.split(" ")[0]];
    const box = el("input", { type: "number", min: low, max: high, step: "any", "aria-label": `${title} of part ${i + 1}`, "data-box": `${title}.${i}` });
    box.addEventListener("input", () => { box.dirty = true; });
    box.addEventListener("change", () => {
      box.dirty = false;
      const value = Number(box.value), part = [...this.app.state.parts[i]];
      if (box.value !== "" && Number.isFinite(value)) part[k] = value;
      this.app.setPart(i, part, true);
    });
    return box;
  }
}
