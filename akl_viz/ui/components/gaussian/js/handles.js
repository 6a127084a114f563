// The grips of the parts: dragged by the pointer, moved by the arrow keys. Their elements stay, so that focus does.

const KINDS = {
  1: { mean: ["mean", "mean"], sd: ["sd", "standard deviation"] },
  2: { mean: ["mean", "mean"], sdx: ["sd", "standard deviation along x"], sdy: ["sd", "standard deviation along y"] },
};
const KEYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], PageUp: [10, 0], PageDown: [-10, 0] };
const KEY_STEP = 0.5;
const FINE = 10;

class Handles {
  constructor(app) {
    this.app = app;
    this.node = svg("g", { class: "handles" });
    this.grips = [];
    this.held = null;
  }

  build(count, dimension) {
    const shape = `${count}/${dimension}`;
    if (shape === this.shape) return;
    this.shape = shape;
    this.grips = [];
    for (let part = 0; part < count; part++) for (const kind of Object.keys(KINDS[dimension])) this.grips.push(this.grip(part, kind, dimension));
    this.node.replaceChildren(...this.grips.map((grip) => grip.node));
  }

  grip(part, kind, dimension) {
    const [bound, name] = KINDS[dimension][kind], [low, high] = this.app.data.bounds[bound];
    const shape = bound === "mean" ? svg("circle", { class: "knobshape", r: 7 }) : svg("rect", { class: "knobshape", x: -5, y: -5, width: 10, height: 10 });
    const node = svg("g", { class: `grip ${kind}`, role: "slider", tabindex: 0, "data-part": part, "data-kind": kind, "aria-label": `${name} of part ${part + 1}`, "aria-valuemin": low, "aria-valuemax": high },
      svg("circle", { class: "reach", r: 13 }), shape);
    const grip = { part, kind, node, bound };
    node.addEventListener("pointerdown", (event) => this.grab(event, grip));
    node.addEventListener("pointermove", (event) => this.pull(event, grip));
    for (const end of ["pointerup", "pointercancel"]) node.addEventListener(end, () => this.drop());
    node.addEventListener("keydown", (event) => this.key(event, grip));
    return grip;
  }

  place(view, parts) {
    for (const { part, kind, node } of this.grips) {
      const [x, y] = view.anchors(parts[part], parts)[kind], d = (parts[part].length - 1) / 2;
      node.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      const value = kind === "mean" ? parts[part].slice(0, d) : [parts[part][d + (kind === "sdy" ? 1 : 0)]];
      node.setAttribute("aria-valuenow", String(value[0]));
      node.setAttribute("aria-valuetext", value.map(String).join(", "));
    }
  }

  grab(event, grip) {
    if (event.button !== 0 || this.held) return;
    grip.node.setPointerCapture(event.pointerId);
    grip.node.focus({ preventScroll: true });
    const [px, py] = this.point(event), [x, y] = this.app.view.anchors(this.app.state.parts[grip.part], this.app.state.parts)[grip.kind];
    // The grip keeps its place under the pointer: no jump at the first move.
    this.held = { grip, off: [x - px, y - py] };
    event.preventDefault();
  }

  pull(event, grip) {
    if (this.held?.grip !== grip) return;
    const [px, py] = this.point(event), { off } = this.held, now = this.app.state.parts[grip.part];
    const there = this.app.view.drag(now, grip.kind, px + off[0], py + off[1]);
    // A hand is no finer than a tenth; what it does not move keeps its digits.
    this.app.setPart(grip.part, there.map((value, k) => (value === now[k] ? value : Number(value.toFixed(1)))), false);
  }

  drop() {
    if (!this.held) return;
    this.held = null;
    this.app.changed(true);
  }

  point(event) {
    const box = this.node.ownerSVGElement.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  key(event, { part, kind }) {
    const move = KEYS[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const step = KEY_STEP * (event.shiftKey ? FINE : 1), now = [...this.app.state.parts[part]], d = (now.length - 1) / 2;
    if (d === 2 && kind === "mean") { now[0] += step * move[0]; now[1] += step * move[1]; }
    else now[kind === "mean" ? 0 : d + (kind === "sdy" ? 1 : 0)] += step * (move[0] || move[1]);
    this.app.setPart(part, now, true);
  }
}
