// The page's animation: distributions, gap curves and read-out of one experiment, at one frame.

const SEND_MS = 250;
const BYTES = ["codes", "teacher"];

class Animation {
  constructor(root, payload, send, kept) {
    this.root = root;
    this.send = send;
    this.ver = payload.ver;
    const data = unpackAll(payload);
    for (const name of BYTES) data[name] = new Uint16Array(data[name].buffer);
    this.data = data;
    this.log = kept?.log ?? data.tokens > 200;
    this.logGap = kept?.logGap ?? false;
    this.hidden = kept?.hidden ?? new Set();
    this.median = Boolean(kept?.median && data.medians);
    this.build(kept);
    this.watch = new ResizeObserver(() => this.layout());
    this.watch.observe(root);
    this.layout();
  }

  kept() {
    const { player, data } = this;
    const { log, logGap, hidden, median } = this;
    return { step: data.steps[player.frame], speed: player.speed, log, logGap, hidden, median };
  }

  build(kept) {
    const { data } = this;
    const wanted = kept?.step ?? data.step;
    const found = data.steps.findIndex((step) => step >= wanted);
    const start = { frame: found < 0 ? data.steps.length - 1 : found, speed: kept?.speed ?? 60 };
    this.player = new Player(data.steps, start, (frame) => this.draw(frame), () => this.settle());
    this.legend = new Legend(data.losses, this.hidden, () => this.layout());
    this.stage = new Stage(data, data.codes);
    this.readout = new Readout(data, this.median, (median) => { this.median = median; this.draw(this.player.frame); });
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
    const choose = (name) => (key) => { this[name] = key === "log"; this.switches(); this.layout(); };
    const pair = [["linear", "linear"], ["log", "log"]];
    this.probability.replaceChildren(segmented("Scale of the probabilities", pair, this.log ? "log" : "linear", choose("log")));
    this.share.replaceChildren(segmented("Scale of the gaps", pair, this.logGap ? "log" : "linear", choose("logGap")));
  }

  layout() {
    const left = Math.floor(this.left.clientWidth), right = Math.floor(this.right.clientWidth);
    if (left < 60 || right < 60) return;
    this.stage.layout(left, left < 420 ? 270 : 400, this.log);
    for (const gap of this.gaps) gap.layout(right, 178, this.logGap, this.hidden);
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

  // Where a person stopped goes into the address.
  settle() {
    this.draw(this.player.frame);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(this.data.steps[this.player.frame]), SEND_MS);
  }

  stop() {
    this.player.pause();
    this.watch.disconnect();
    clearTimeout(this.timer);
  }
}
