// Two handles in the triangle. They follow the pointer at once; Python answers with flows and paths.

const PACE = { gap: 60, lost: 4000 };
const STEPS_A_SECOND = 30;
const STEP = 6, LEAP = 30;
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const NAMES = { teacher: "teacher p", start: "student's start" };

class Explorer {
  constructor(root, data, send) {
    Object.assign(this, { root, send, held: null });
    this.outbox = new Outbox(this, data.seq, PACE);
    this.build(data);
    this.receive(data);
  }

  build(data) {
    this.under = svg("g", {});
    this.over = svg("g", {});
    this.handles = { teacher: this.handle("teacher"), start: this.handle("start") };
    this.plane = svg("svg", { class: "plane", viewBox: `0 0 ${SIDE + 2 * MARGIN} ${HIGH + 2 * MARGIN}`, role: "group",
      "aria-label": "Simplex of three tokens" }, ...frame(), this.under, this.over, this.handles.start, this.handles.teacher);
    this.choice = el("div", { class: "bar" });
    const steps = Array.from(data.paths[data.losses[0][0]], (_, step) => step);
    this.player = new Player(steps, { frame: data.step, speed: STEPS_A_SECOND }, (step) => this.go(step), () => this.outbox.post(true));
    this.body = el("tbody", {});
    this.live = el("small", { "aria-live": "polite" });
    const heads = ["trained by", "t1", "t2", "t3", "total variation"].map((name) => el("th", { scope: "col" }, name));
    this.root.replaceChildren(this.choice, el("div", { class: "two" }, this.plane,
      el("div", { class: "sides" },
        this.player.node,
        el("table", {}, el("thead", {}, el("tr", {}, ...heads)), this.body), this.live,
        el("small", {}, "A corner is all mass on its token; lines at 25, 50 and 75 %."),
        el("small", {}, "Drag the teacher or the start, or focus one and use the arrow keys (with Shift: larger steps). Grey arrows: where gradient descent moves a student under the chosen loss, length by the square root of the speed, one scale for all losses."))));
  }

  // Whose flow is drawn.
  offer() {
    this.choice.replaceChildren(el("span", { class: "name" }, "Arrows of"), segmented("Arrows of", this.data.losses, this.state.arrows, (key) => {
      this.state.arrows = key;
      this.offer();
      this.drawField();
      this.outbox.post(true);
      this.choice.querySelector(`[data-choice='${key}']`).focus();
    }));
  }

  handle(side) {
    const node = svg("g", { class: `handle ${side}`, tabindex: 0, role: "button", "data-handle": side,
      onpointerdown: (event) => this.grab(event, side), onpointermove: (event) => this.drag(event, side),
      onpointerup: () => this.drop(), onpointercancel: () => this.drop(), onkeydown: (event) => this.key(event, side) },
      svg("circle", { class: "hit", r: 18 }), svg("circle", { class: "dot", r: 8 }),
      svg("text", { x: 14, y: side === "teacher" ? -8 : 18 }, side === "teacher" ? "teacher" : "start"));
    return node;
  }

  // An answer: drawn at once; its handles only where nothing newer was done here.
  receive(data) {
    const latest = this.outbox.answered(data.seq) && this.held === null;
    const focused = this.choice.contains(this.choice.getRootNode().activeElement);
    this.data = data;
    // What plays, or is scrubbed, goes on.
    const at = this.player.running || this.player.held ? this.state.step : data.step;
    if (latest || !this.state) this.state = { teacher: [...data.teacher], start: [...data.start], arrows: data.shown, step: at };
    this.offer();
    if (focused) this.choice.querySelector("[aria-pressed='true']").focus({ preventScroll: true });
    this.drawField();
    this.player.go(this.state.step);
    this.outbox.drawn();
    this.root.dataset.seq = String(data.seq);
    this.outbox.flush();
  }

  drawField() {
    const { data } = this;
    this.under.replaceChildren(arrows(data.points, data.arrows[this.state.arrows], fastestOf(data.arrows)), ...data.losses.map(([loss]) => pathOf(loss, data.paths[loss])));
  }

  drawStep() {
    const { data, state } = this, at = state.step;
    this.over.replaceChildren(...data.losses.map(([loss]) => markOf(loss, data.paths[loss][at])));
    this.body.replaceChildren(...data.losses.map(([loss, name]) => el("tr", { "data-loss": loss },
      el("th", { scope: "row" }, el("span", { class: "loss" }, glyph(loss), name)),
      ...data.paths[loss][at].map((share, token) => el("td", {}, field(`${loss}.${token}`, share, share.toFixed(4)))),
      el("td", {}, field(`${loss}.tvd`, data.tvd[loss][at])))));
    for (const [side, node] of Object.entries(this.handles)) {
      const [x, y] = placed(state[side]);
      node.setAttribute("transform", `translate(${x} ${y})`);
      node.setAttribute("aria-label", `${NAMES[side]}: ` + state[side].map((share, token) => `t${token + 1} ${share.toFixed(3)}`).join(", ") + ". Arrow keys move it.");
    }
    const stale = ["teacher", "start"].some((side) => state[side].some((share, token) => share !== data[side][token]));
    for (const group of [this.under, this.over]) group.classList.toggle("stale", stale);
  }

  // The player came to a step: before the first answer there is nothing to draw.
  go(step) {
    if (!this.state) return;
    this.state.step = step;
    this.drawStep();
  }

  grab(event, side) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.handles[side].setPointerCapture(event.pointerId);
    this.handles[side].focus();
    this.held = side;
  }

  drag(event, side) {
    if (this.held !== side) return;
    const box = this.plane.getBoundingClientRect(), scale = (SIDE + 2 * MARGIN) / box.width;
    this.move(side, shares([(event.clientX - box.left) * scale, (event.clientY - box.top) * scale], this.data.edge));
  }

  drop() {
    if (this.held === null) return;
    this.held = null;
    this.outbox.post(true);
  }

  key(event, side) {
    const direction = DIRECTIONS[event.key];
    if (!direction || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const by = event.shiftKey ? LEAP : STEP, [x, y] = placed(this.state[side]);
    this.move(side, shares([x + by * direction[0], y + by * direction[1]], this.data.edge));
  }

  move(side, value) {
    this.state[side] = value;
    this.drawStep();
    this.live.textContent = `${NAMES[side]}: ${value.map((share) => share.toFixed(3)).join(", ")}`;
    this.outbox.post(this.held === null);
  }

  stop() {
    this.outbox.stop();
    this.player.pause();
  }
}
