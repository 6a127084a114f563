// The page's animation: distributions, gap curves and read-out of one experiment, at one frame.

const SEND_MS = 250, AWAY_MS = 400;
const BYTES = ["codes", "teacher"];

class Animation {
  constructor(root, payload, send, before) {
    this.root = root;
    this.send = send;
    this.ver = payload.ver;
    const data = unpackAll(payload);
    for (const name of BYTES) data[name] = new Uint16Array(data[name].buffer);
    this.data = data;
    // The view goes on as it was, unless somebody went to another address.
    const goesOn = before?.turn === data.turn;
    const kept = goesOn ? before : { ...before, ...data.look, hidden: new Set(data.look.hidden) };
    this.seq = before?.seq ?? 0;
    // null: as the number of tokens asks for.
    this.scale = kept.scale;
    this.gapScale = kept.gapScale;
    this.hidden = kept.hidden;
    this.median = Boolean(kept.median);
    this.build(kept);
    this.watch = new ResizeObserver(() => this.layout());
    this.watch.observe(root);
    // The browser went to another view: what was not told yet was done to the one before.
    this.back = () => clearTimeout(this.timer);
    window.addEventListener("popstate", this.back);
    this.layout();
    // What was chosen just before it was built anew is still to be told.
    if (goesOn && this.written(before) !== this.written(data.look)) this.settle();
  }

  get log() {
    return (this.scale ?? (this.data.tokens > MANY ? "log" : "linear")) === "log";
  }

  kept() {
    const { player, data, seq, scale, gapScale, hidden, median } = this;
    return { turn: data.turn, step: data.steps[player.frame], speed: player.speed, seq, scale, gapScale, hidden, median };
  }

  build(kept) {
    const { data } = this;
    const found = data.steps.findIndex((step) => step >= kept.step);
    const start = { frame: found < 0 ? data.steps.length - 1 : found, speed: kept.speed ?? 60 };
    this.player = new Player(data.steps, start, (frame) => this.draw(frame), () => this.settle());
    this.legend = new Legend(data.losses, this.hidden, () => this.layout(), () => this.settle());
    this.stage = new Stage(data, data.codes);
    this.readout = new Readout(data, this.median, (median) => { this.median = median; this.settle(); });
    const move = (frame) => { this.player.pause(); this.player.go(frame); };
    this.gaps = ["Head gap", "Tail gap"].map((title, place) =>
      new Gap(data, place, title, "share of the gap at the start that is left", move, () => this.settle()));
    this.probability = el("div", {});
    this.share = el("div", {});
    this.switches();
    const strip = (kind, text, mass) => el("span", { class: "item" }, el("i", { class: `mark ${kind}` }), el("span", {}, `${text}, teacher mass ${num(mass)}`));
    const which = data.seeds > 1 ? el("small", {}, ` seed ${data.seed}, one of ${data.seeds}`) : null;
    const fewer = data.frames < data.steps.length ? el("small", {}, ` drawn at ${data.frames} of ${data.steps.length} steps`) : null;
    this.left = el("section", { class: "left" }, el("div", { class: "title" }, el("h3", {}, "Teacher and students", which, fewer), this.probability), this.stage.node,
      el("div", { class: "key" }, strip("headstrip", data.headName, data.masses[0]), strip("tailstrip", data.tailName, data.masses[1])));
    this.right = el("div", { class: "right" }, el("div", { class: "title" }, el("small", {}, data.band || "one run; click or drag to move the frame"), this.share), ...this.gaps.map((gap) => gap.node));
    this.root.replaceChildren(this.player.node, this.legend.node, el("div", { class: "two" }, this.left, this.right), this.readout.node);
  }

  switches() {
    const choose = (name) => (key) => { this[name] = key; this.switches(); this.layout(); this.settle(); };
    const pair = [["linear", "linear"], ["log", "log"]];
    this.probability.replaceChildren(segmented("Scale of the probabilities", pair, this.log ? "log" : "linear", choose("scale")));
    this.share.replaceChildren(segmented("Scale of the gaps", pair, this.gapScale, choose("gapScale")));
  }

  layout() {
    const left = Math.floor(this.left.clientWidth), right = Math.floor(this.right.clientWidth);
    if (left < 60 || right < 60) return;
    this.stage.layout(left, left < 420 ? 270 : 400, this.log);
    for (const gap of this.gaps) gap.layout(right, 178, this.gapScale === "log", this.hidden);
    this.colours = this.legend.colours();
    this.player.go(this.player.frame);
  }

  draw(frame) {
    if (!this.colours) return;
    this.stage.draw(frame, this.colours, this.hidden);
    for (const gap of this.gaps) gap.draw(frame);
    const still = !this.player.running;
    this.readout.draw(frame, still);
    if (still) for (const gap of this.gaps) gap.describe(frame);
    this.root.dataset.step = String(this.data.steps[frame]);
  }

  // Where a person stopped, and how they look at it, goes into the address.
  settle() {
    this.draw(this.player.frame);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tell(), SEND_MS);
  }

  // A look as text: equal for those that the address need not tell apart.
  written({ step, scale, gapScale, hidden, median }) {
    return JSON.stringify([step, scale, gapScale, [...hidden].sort(), median]);
  }

  tell() {
    const { scale, gapScale, hidden, median } = this;
    const view = { seq: this.seq + 1, step: this.data.steps[this.player.frame], scale, gapScale, hidden: [...hidden], median };
    if (this.send(view)) this.seq += 1;
    else this.timer = setTimeout(() => this.tell(), AWAY_MS);
  }

  stop() {
    this.player.pause();
    this.watch.disconnect();
    window.removeEventListener("popstate", this.back);
    clearTimeout(this.timer);
  }
}
