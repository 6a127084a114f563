// The explorer: what a person made of the bars.

const PACE = { gap: 40, lost: 4000 };
const UNDOS = 100;
const LOST = `Infinite, as the student finds a token impossible that the teacher does not. A logit of ${SIGN}∞ cannot be moved: there is no step on that token.`;
const NOWHERE = "Infinite, as one side finds a token impossible that the other does not. No finite step changes that, so none is shown.";

class Explorer {
  constructor(root, data, send) {
    this.root = root;
    this.send = send;
    this.outbox = new Outbox(this, data.seq, PACE);
    this.past = [];
    this.bars = new Bars(this);
    this.losses = new Losses(this);
    this.heads = new Heads(this);
    this.controls = new Controls(this, data.sizes);
    this.actions = new Actions(this);
    this.about = el("div", { class: "about" });
    this.endless = el("p", { class: "hint" });
    this.live = el("p", { class: "unseen", "aria-live": "polite" });
    root.replaceChildren(this.controls.node,
      el("div", { class: "desk" },
        el("section", { class: "left" }, this.about, this.endless, legendOf(), this.actions.node, this.bars.node),
        this.losses.node, this.heads.node),
      this.live);
    root.addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey) return;
      event.preventDefault();
      this.undo();
    });
    this.receive(data);
  }

  // An answer: its numbers are drawn at once; its bars and choices only where nothing newer was done here.
  receive(data) {
    if (data.numbers) data.numbers = unpackAll(data.numbers);
    else data.numbers = this.data?.labels.length === data.labels.length ? this.data.numbers : null;
    const latest = this.outbox.answered(data.seq) && !this.bars.held;
    if (!latest && this.data && data.labels.join("\n") !== this.data.labels.join("\n")) { this.outbox.flush(); return; }
    const before = this.data?.labels.join("\n");
    this.data = data;
    this.start = data.start;
    if (latest || !this.state) this.state = { ...data.state };
    if (before !== data.labels.join("\n")) this.bars.build(data.labels);
    this.fits = this.state.teacher?.length === data.labels.length && this.state.student?.length === data.labels.length;
    this.draw();
    this.outbox.flush();
  }

  draw() {
    if (!this.fits) return;
    this.controls.show(this.data);
    this.bars.drawBars();
    this.actions.undo.disabled = this.past.length === 0;
    const { numbers, labels } = this.data;
    if (!numbers) { this.about.replaceChildren(el("p", { class: "hint" }, "Loading the mathematics…")); return; }
    this.losses.draw(numbers, labels);
    this.heads.draw(numbers, labels);
    this.look();
    this.outbox.drawn();
    this.root.dataset.seq = this.data.seq;
  }

  // The divergence that is looked at: the one pointed at, else the chosen one.
  look() {
    const { numbers } = this.data;
    if (!numbers) return;
    const find = (key) => numbers.losses.findIndex((loss) => loss.key === key);
    const at = Math.max(0, find(this.peek) >= 0 ? find(this.peek) : find(this.state.loss));
    this.losses.mark(this.state.loss, numbers.losses[at].key);
    this.bars.drawNumbers(numbers, at);
    this.describe(numbers.losses[at], numbers.values[at]);
    const size = numbers.p.length, steps = numbers.steps.subarray(at * size, (at + 1) * size);
    this.endless.textContent = Number.isFinite(numbers.values[at]) ? "" : steps.every((step) => step === 0) ? NOWHERE : LOST;
  }

  describe(loss, value) {
    const given = loss.key === this.state.loss ? this.state.params : {};
    const key = JSON.stringify([loss, given]);
    if (this.described !== key) {
      this.described = key;
      this.sum = field("shown.value", value);
      this.knobs = el("div", { class: "knobs" }, ...parameters(loss, given, (params) => this.change({ loss: loss.key, params })));
      this.about.replaceChildren(
        el("h3", {}, el("i", { class: "dot", style: { background: `var(--akl-loss-${loss.key}, var(--akl-ink))` } }), loss.label, " ", el("small", {}, loss.direction)),
        el("p", { class: "law" }, el("b", {}, this.sum), ` ${loss.unit} = ${loss.formula}`),
        this.knobs);
      if (loss.constant) this.about.append(el("p", { class: "hint" }, "The weights count as constants for the step."));
    }
    put(this.sum, value);
    if (!this.bars.held) this.live.textContent = `${loss.label}: ${num(value)} ${loss.unit}`;
  }

  preview(key) {
    if (key === this.peek) return;
    this.peek = key;
    this.look();
  }

  choose(key) {
    this.change({ loss: key, params: {} });
  }

  // Several changes of one thing in a row (arrow keys, a slider) are one step back.
  remember(what) {
    if (what !== undefined && what === this.last && Date.now() - this.lastAt < 1500) { this.lastAt = Date.now(); return; }
    this.last = what;
    this.lastAt = Date.now();
    this.past.push({ ...this.state });
    if (this.past.length > UNDOS) this.past.shift();
  }

  // A drag that was none: it leaves nothing to undo.
  forget(side, weights) {
    this.past.pop();
    this.setWeights(side, weights, true);
  }

  undo() {
    const before = this.past.pop();
    if (!before) return;
    this.last = undefined;
    this.state = before;
    this.changed(true);
  }

  change(part, settled = true, what = undefined) {
    this.remember(what);
    Object.assign(this.state, part);
    this.changed(settled);
  }

  setWeights(side, weights, settled) {
    this.state[side] = weights;
    this.changed(settled);
  }

  changed(settled) {
    const size = this.data.labels.length;
    this.fits = this.state.teacher?.length === size && this.state.student?.length === size;
    if (this.fits) {
      this.controls.show(this.data);
      this.bars.drawBars();
      this.look();
    }
    this.actions.undo.disabled = this.past.length === 0;
    this.outbox.post(settled);
  }

  stop() {
    this.outbox.stop();
  }
}

function legendOf() {
  const item = (kind, text) => el("span", { class: "item" }, el("i", { class: `mark ${kind}` }), el("span", {}, text));
  return el("div", { class: "key" }, item("t", "teacher, p"), item("s", "student, q"), item("h", "head under the chosen rule"), item("e", "head under the other rule only"),
    el("span", { class: "item" }, "Drag a bar, or focus it and use the arrow keys: its token gets that probability, the others keep their proportions."));
}
