// Head gap up, tail gap down, one step per token; linked to the strip by token index.

const CHART_HEIGHT = 190;
const PAD = { left: 46, right: 12, top: 20, bottom: 34 };

class GapChart {
  constructor(model, app) {
    this.model = model;
    this.app = app;
    this.pins = [];
    this.svg = svg("svg", { class: "gaps", role: "img", "aria-label": model.chart.name, height: CHART_HEIGHT });
    const save = el("button", { type: "button", class: "quiet", "data-control": "save-svg", onclick: () => saveSvg(this.svg, "gaps.svg") }, "Save SVG");
    const swatch = (name, text) => el("span", { class: "item" }, el("i", { class: `mark ${name}` }), el("span", {}, text));
    this.node = el("figure", { class: "chart" },
      el("figcaption", {}, el("h3", {}, "Gaps along the text"),
        el("span", { class: "key" }, swatch("head", `head gap: the teacher’s top ${model.mu} of mass`), swatch("tail", "tail gap")), save),
      this.svg);
    this.svg.addEventListener("pointermove", (event) => { if (event.pointerType !== "touch") app.hover(this.index(event), "chart"); });
    this.svg.addEventListener("pointerleave", () => app.hover(null));
    // What is pinned is what was marked: a click has whole pixels only and may fall on the neighbour.
    this.svg.addEventListener("click", (event) => app.toggle(app.state.hover ?? this.index(event)));
    this.width = 0;
    this.observer = new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width);
      if (width > 0 && width !== this.width) { this.width = width; this.draw(); }
    });
    this.observer.observe(this.node);
  }

  stop() {
    this.observer.disconnect();
  }

  show(start, end) {
    this.start = start;
    this.end = end;
    if (this.width) this.draw();
  }

  index(event) {
    const x = event.clientX - this.svg.getBoundingClientRect().left;
    const i = this.start + Math.floor((x - PAD.left) / this.step);
    return Math.min(this.end - 1, Math.max(this.start, i));
  }

  x(i) {
    return PAD.left + (i - this.start) * this.step;
  }

  y(value) {
    const half = (CHART_HEIGHT - PAD.top - PAD.bottom) / 2;
    const limit = this.model.chart.limit;
    return PAD.top + half - (Math.max(-limit, Math.min(limit, value)) / limit) * half;
  }

  draw() {
    const right = this.width - PAD.right;
    this.step = (right - PAD.left) / Math.max(1, this.end - this.start);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${CHART_HEIGHT}`);
    this.svg.setAttribute("width", this.width);
    this.cursor = svg("g", { class: "cursor" });
    this.marks = svg("g", { class: "pins" });
    this.svg.replaceChildren(
      ...this.axes(right),
      svg("path", { class: "head", d: this.area("head_gap", 1) }),
      svg("path", { class: "tail", d: this.area("tail_gap", -1) }),
      svg("line", { class: "zero", x1: PAD.left, x2: right, y1: this.y(0), y2: this.y(0) }),
      this.marks, this.cursor);
    this.mark(this.pins);
    this.heat(this.hot ?? null);
  }

  axes(right) {
    const parts = [];
    const text = (x, y, anchor, words) => svg("text", { class: "axis", x, y, "text-anchor": anchor }, words);
    for (const tick of this.model.chart.ticks.slice(1)) {
      for (const side of [1, -1]) {
        const y = this.y(side * tick);
        parts.push(svg("line", { class: "grid", x1: PAD.left, x2: right, y1: y, y2: y }), text(PAD.left - 6, y + 3.5, "end", String(tick)));
      }
    }
    parts.push(text(PAD.left - 6, this.y(0) + 3.5, "end", "0"));
    const every = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((n) => n * this.step >= 48) || 2000;
    for (let i = Math.ceil(this.start / every) * every; i < this.end; i += every) {
      parts.push(text(this.x(i) + this.step / 2, CHART_HEIGHT - PAD.bottom + 14, "middle", num(i)));
    }
    parts.push(text(PAD.left, 11, "start", "sum of |p − q|: head gap ↑, tail gap ↓"), text(right, CHART_HEIGHT - 5, "end", "token"));
    return parts;
  }

  // A filled step line; it ends and starts again around tokens that are not scored.
  area(name, side) {
    let d = "", open = false;
    const zero = this.y(0).toFixed(1);
    for (let i = this.start; i < this.end; i++) {
      const value = this.model.at(name, i);
      const x = this.x(i).toFixed(2);
      if (Number.isNaN(value)) {
        if (open) d += `V${zero}Z`;
        open = false;
        continue;
      }
      if (!open) d += `M${x} ${zero}`;
      open = true;
      d += `V${this.y(side * value).toFixed(2)}H${this.x(i + 1).toFixed(2)}`;
    }
    return open ? `${d}V${zero}Z` : d;
  }

  mark(pins) {
    this.pins = pins;
    if (!this.marks) return;
    const inside = pins.filter((i) => i >= this.start && i < this.end);
    this.marks.replaceChildren(...inside.map((i) => {
      const x = this.x(i) + this.step / 2;
      const top = PAD.top - 2;
      return svg("g", { "data-pin": i },
        svg("line", { class: "pin", x1: x, x2: x, y1: top, y2: CHART_HEIGHT - PAD.bottom }),
        svg("path", { class: "pinhead", d: `M${x - 4} ${top - 6}h8l-4 6z` }));
    }));
  }

  heat(i) {
    this.hot = i;
    if (!this.cursor) return;
    if (i === null || i < this.start || i >= this.end) { this.cursor.replaceChildren(); return; }
    const x = this.x(i), width = Math.max(1.5, this.step);
    const parts = [svg("rect", { class: "band", x: x + this.step / 2 - width / 2, width, y: PAD.top, height: CHART_HEIGHT - PAD.top - PAD.bottom })];
    if (this.model.isScored(i)) {
      const flip = x > this.width - 90;
      const say = (side, name) => svg("text", {
        class: "say", x: flip ? x - 5 : x + width + 5, "text-anchor": flip ? "end" : "start",
        y: this.y(side * this.model.chart.limit) + (side > 0 ? 12 : -5),
      }, num(this.model.at(name, i)));
      parts.push(say(1, "head_gap"), say(-1, "tail_gap"));
    }
    this.cursor.replaceChildren(...parts);
    this.cursor.setAttribute("data-index", i);
  }
}

const SAVED_STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "font-size", "font-family", "font-weight", "paint-order", "shape-rendering"];

// The picture as a file that needs no style sheet: every style that matters is written onto its element.
function saveSvg(picture, name) {
  const copy = picture.cloneNode(true);
  const from = [picture, ...picture.querySelectorAll("*")];
  const to = [copy, ...copy.querySelectorAll("*")];
  from.forEach((node, k) => {
    const style = getComputedStyle(node);
    for (const property of SAVED_STYLES) to[k].setAttribute(property, style.getPropertyValue(property));
  });
  copy.setAttribute("xmlns", SVG_NS);
  const paper = getComputedStyle(picture.closest(".akl")).getPropertyValue("background-color");
  copy.prepend(svg("rect", { width: "100%", height: "100%", fill: paper }));
  const text = new XMLSerializer().serializeToString(copy);
  const url = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
