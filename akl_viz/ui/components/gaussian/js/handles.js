// The grips of the parts: dragged by the pointer, moved by the arrow keys. Their elements stay, so that focus does.

const KINDS = {
  1: { mean: ["mean", "mean"], sd: ["sd", "standard deviation"] },
  2: { mean: ["mean", "mean"], sdx: ["sd", "standard deviation along x"], sdy: ["sd", "standard deviation along y"] },
};
const KEYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], PageUp: [10, 0], PageDown: [-10, 0] };
const KEY_STEP = 0.5;
const FINE = 10;
// So long before a press a hand has set out for what it saw: a grip that an answer moved since is taken where it was.
const SET_OUT_MS = 700;
const REACH = 13;
const OTHERS = "button, input, select, label, summary, a, [role=slider]";

class Handles {
  constructor(app) {
    this.app = app;
    this.node = svg("g", { class: "handles" });
    this.grips = [];
    this.past = [];
    this.held = null;
    app.root.addEventListener("pointerdown", (event) => { if (!event.target.closest(OTHERS)) this.grab(event, null); });
  }

  build(count, dimension) {
    const shape = `${count}/${dimension}`;
    if (shape === this.shape) return;
    this.shape = shape;
    this.grips = [];
    this.past = [];
    for (let part = 0; part < count; part++) for (const kind of Object.keys(KINDS[dimension])) this.grips.push(this.grip(part, kind, dimension));
    this.node.replaceChildren(...this.grips.map((grip) => grip.node));
  }

  grip(part, kind, dimension) {
    const [bound, name] = KINDS[dimension][kind], [low, high] = this.app.data.bounds[bound];
    const shape = bound === "mean" ? svg("circle", { class: "knobshape", r: 7 }) : svg("rect", { class: "knobshape", x: -5, y: -5, width: 10, height: 10 });
    const node = svg("g", { class: `grip ${kind}`, role: "slider", tabindex: 0, "data-part": part, "data-kind": kind, "aria-label": `${name} of part ${part + 1}`, "aria-valuemin": low, "aria-valuemax": high },
      svg("circle", { class: "reach", r: REACH }), shape);
    const grip = { part, kind, node, bound };
    node.addEventListener("pointerdown", (event) => this.grab(event, grip));
    node.addEventListener("pointermove", (event) => this.pull(event, grip));
    for (const end of ["pointerup", "pointercancel"]) node.addEventListener(end, () => this.drop());
    node.addEventListener("keydown", (event) => this.key(event, grip));
    return grip;
  }

  place(view, parts) {
    for (const grip of this.grips) {
      const { part, kind, node } = grip;
      const [x, y] = grip.at = view.anchors(parts[part], parts)[kind], d = (parts[part].length - 1) / 2;
      node.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      const value = kind === "mean" ? parts[part].slice(0, d) : [parts[part][d + (kind === "sdy" ? 1 : 0)]];
      node.setAttribute("aria-valuenow", String(value[0]));
      node.setAttribute("aria-valuetext", value.map(String).join(", "));
    }
  }

  // Before an answer moves the grips: where they are on the screen.
  remember() {
    if (this.held) return;
    const now = performance.now(), { left, top } = this.node.ownerSVGElement.getBoundingClientRect();
    const spots = this.grips.filter(({ at }) => at).map((grip) => ({ grip, x: left + grip.at[0], y: top + grip.at[1] }));
    this.past = [...this.past.filter(({ until }) => now - until < 2 * SET_OUT_MS), { until: now, spots }];
  }

  // The grip that was under this place when the hand set out for it, though it no longer is.
  before({ clientX, clientY, timeStamp }) {
    const spots = this.past.filter(({ until }) => timeStamp - until < SET_OUT_MS).flatMap((one) => one.spots);
    return spots.find(({ x, y }) => Math.hypot(clientX - x, clientY - y) <= REACH)?.grip;
  }

  grab(event, there) {
    const grip = this.before(event) ?? there;
    if (!grip || event.button !== 0 || this.held) return;
    this.past = [];
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
