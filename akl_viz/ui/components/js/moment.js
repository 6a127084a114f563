// A run scrubbed step by step: bars of the teacher, a mark per student, weights and samples at one measured step.

const PLAY_MS = 700;
const TICKS = [0, 0.01, 0.05, 0.2, 0.5, 1];
const ROW = 22;
const SHOWN = new WeakMap();

// Small probabilities stay visible: the square root, with the ticks labelled as they are.
const place = (p) => Math.sqrt(Math.max(0, Math.min(1, p)));
const percent = (p) => (p >= 0.0995 ? (100 * p).toFixed(0) : p >= 0.00995 ? (100 * p).toFixed(1) : num(100 * p)) + " %";

class Moment {
  constructor(root, data, kept) {
    this.root = root;
    this.data = data;
    const last = data.steps.length - 1;
    this.step = kept && !kept.atEnd ? Math.min(kept.step, last) : last;
    this.position = Math.min(kept?.position ?? 0, Math.max(0, data.positions.length - 1));
    this.timer = null;
    this.build();
    this.draw();
  }

  kept() {
    return { step: this.step, position: this.position, atEnd: this.step === this.data.steps.length - 1 };
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
  }

  build() {
    const { data } = this;
    this.range = el("input", { type: "range", min: 0, max: data.steps.length - 1, step: 1, "aria-label": "Measured step",
      class: "scrub", oninput: () => { this.pause(); this.step = Number(this.range.value); this.draw(); } });
    this.button = el("button", { type: "button", onclick: () => this.toggle() }, "Play");
    this.readout = el("span", { class: "at", "aria-live": "polite" });
    const names = data.positions.map((row, index) =>
      el("option", { value: index }, `${row.index}: …${visible(row.context.slice(-28))} → ${visible(row.observed)}`));
    this.select = el("select", { "aria-label": "Watched position",
      onchange: () => { this.position = Number(this.select.value); this.draw(); } }, ...names);
    this.select.value = String(this.position);
    this.bars = el("div", { class: "bars" });
    this.weights = el("div", { class: "weights" });
    this.samples = el("div", { class: "samples" });
    const parts = [
      el("div", { class: "bar" }, this.button, this.range, this.readout),
      data.measured > data.steps.length
        ? el("small", {}, `${data.steps.length} of the ${data.measured} measured steps, evenly chosen.`) : null,
      this.legend(),
      el("div", { class: "two" },
        el("section", { "aria-label": "Watched position" },
          el("h3", {}, "A watched position"), data.positions.length ? this.select : "No position was watched.", this.bars),
        el("section", { "aria-label": "AKL weights" },
          el("h3", {}, "AKL weight of KL(T‖S) over held-out positions"), this.weights)),
      data.prompts.length ? el("section", { "aria-label": "Samples" }, el("h3", {}, "Samples"), this.samples) : null];
    this.root.replaceChildren(...parts.filter(Boolean));
  }

  legend() {
    const marks = this.data.losses.map((loss, index) =>
      el("span", { class: "item" }, this.mark(loss, index), loss.name));
    return el("div", { class: "key" }, el("span", { class: "item" }, el("i", { class: "mark head teacher" }), "teacher"), ...marks);
  }

  // A second channel beside colour: every loss has its own shape.
  mark(loss, index) {
    return svg("svg", { width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" }, this.shape(loss, index));
  }

  shape(loss, index, x = 0, y = 0) {
    const paths = ["M0-5A5 5 0 1 0 0 5A5 5 0 1 0 0-5Z", "M-4.5-4.5H4.5V4.5H-4.5Z", "M0-5.5L5.5 0 0 5.5-5.5 0Z",
      "M0-5.5L5 4.5H-5Z", "M0 5.5L5-4.5H-5Z", "M-5-1.5H-1.5V-5H1.5V-1.5H5V1.5H1.5V5H-1.5V1.5H-5Z"];
    return svg("path", { d: paths[index % paths.length], transform: `translate(${x} ${y})`, class: "shape",
      style: { fill: `var(--akl-loss-${loss.key}, var(--akl-muted))` } });
  }

  toggle() {
    if (this.timer) return this.pause();
    if (this.step === this.data.steps.length - 1) this.step = 0;
    this.button.textContent = "Pause";
    this.draw();
    this.timer = setInterval(() => {
      if (this.step >= this.data.steps.length - 1) return this.pause();
      this.step += 1;
      this.draw();
    }, PLAY_MS);
  }

  pause() {
    this.stop();
    this.button.textContent = "Play";
  }

  draw() {
    const step = this.data.steps[this.step];
    this.range.value = String(this.step);
    this.range.setAttribute("aria-valuetext", `step ${step}`);
    this.readout.textContent = `step ${step} of ${this.data.steps[this.data.steps.length - 1]}`;
    if (this.data.positions.length) this.drawBars();
    this.drawWeights();
    if (this.data.prompts.length) this.drawSamples();
  }

  drawBars() {
    const row = this.data.positions[this.position];
    const labels = [...row.tokens.map(visible), "all others"];
    const width = 420, left = 120, right = 22, top = 18, span = width - left - right;
    const height = top + labels.length * ROW + 22;
    const at = (p) => left + place(p) * span;
    const parts = TICKS.map((tick) => [
      svg("line", { x1: at(tick), x2: at(tick), y1: top, y2: height - 22, class: "grid" }),
      svg("text", { x: at(tick), y: height - 8, class: "tick", "text-anchor": "middle" }, percent(tick)),
    ]).flat();
    labels.forEach((label, index) => {
      const y = top + index * ROW;
      const observed = row.isObserved[index];
      parts.push(
        svg("text", { x: left - 8, y: y + 15, class: observed ? "token observed" : "token", "text-anchor": "end" },
          (observed ? "▸ " : "") + (label.length > 15 ? label.slice(0, 14) + "…" : label)),
        svg("rect", { x: left, y: y + 4, width: Math.max(0.5, at(row.teacher[index]) - left), height: ROW - 8, class: "teacherbar" }));
      this.data.losses.forEach((loss, number) => {
        const q = row.students[loss.name][this.step][index];
        const shape = this.shape(loss, number, at(q), y + ROW / 2);
        shape.append(svg("title", {}, `${loss.name}: ${percent(q)}, teacher ${percent(row.teacher[index])}`));
        parts.push(shape);
      });
    });
    const spoken = this.data.losses.map((loss) => `${loss.name} ${percent(row.students[loss.name][this.step][0])}`).join(", ");
    this.bars.replaceChildren(
      el("p", { class: "context" }, "…", row.context, el("b", {}, row.observed)),
      svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "data-step": this.data.steps[this.step],
        "aria-label": `Probability of ${labels[0]}: teacher ${percent(row.teacher[0])}, ${spoken}` }, ...parts),
      el("small", {}, "Probability on a square-root scale; ▸ marks the token that follows in the text."));
  }

  drawWeights() {
    const width = 420, height = 74, left = 44, bottom = 16, span = width - left - 8;
    const charts = this.data.losses.map((loss, number) => {
      const counts = this.data.weights[loss.name][this.step];
      const total = counts.reduce((sum, count) => sum + count, 0) || 1;
      const most = Math.max(...this.data.losses.flatMap((each) => this.data.weights[each.name].map((row) => Math.max(...row))), 1);
      const bin = span / counts.length;
      const beyond = counts.slice(counts.length / 2).reduce((sum, count) => sum + count, 0);
      const beyondShare = `${(100 * beyond / total).toFixed(1)} %`;
      const bars = counts.map((count, index) =>
        svg("rect", { x: left + index * bin, width: Math.max(0.5, bin - 0.7), y: (height - bottom) * (1 - count / most),
          height: (height - bottom) * count / most, style: { fill: `var(--akl-loss-${loss.key}, var(--akl-muted))` } }));
      const ticks = [0, 0.5, 1].map((tick) =>
        svg("text", { x: left + tick * span, y: height - 3, class: "tick", "text-anchor": "middle" }, String(tick)));
      return el("figure", {},
        el("figcaption", {}, this.mark(loss, number), `${loss.name}: ${beyondShare} of ${total} positions above 0.5`),
        svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
          "aria-label": `Histogram of weights after ${loss.name}: ${beyondShare} above 0.5` },
          ...bars,
          svg("text", { x: left - 6, y: 10, class: "tick", "text-anchor": "end" }, String(most)),
          svg("text", { x: left - 6, y: height - bottom, class: "tick", "text-anchor": "end" }, "0"),
          svg("line", { x1: left, x2: left + span, y1: height - bottom, y2: height - bottom, class: "grid" }),
          svg("line", { x1: left + span / 2, x2: left + span / 2, y1: 0, y2: height - bottom, class: "wall" }), ...ticks));
    });
    this.weights.replaceChildren(...charts,
      el("small", {}, "Positions per bin of 1/40. A head of one token cannot pass 0.5, the dashed wall."));
  }

  drawSamples() {
    const rows = this.data.prompts.map((prompt, index) =>
      el("article", {},
        el("p", { class: "prompt" }, prompt),
        el("dl", {},
          el("dt", {}, "teacher"), el("dd", {}, this.data.teacherSamples[index] ?? ""),
          ...this.data.losses.flatMap((loss, number) => [
            el("dt", {}, this.mark(loss, number), loss.name),
            el("dd", {}, this.data.samples[loss.name][this.step][index] ?? "")]))));
    this.samples.replaceChildren(...rows);
  }
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".moment");
  const before = SHOWN.get(root);
  before?.stop();
  const shown = new Moment(root, data, before?.kept());
  SHOWN.set(root, shown);
  return () => {
    if (SHOWN.get(root) === shown) { shown.stop(); SHOWN.delete(root); }
  };
}
