// One inspector: the state, and who is told when it changes. The server hears of what an address keeps.

const SEND_AFTER_MS = 120;

class Inspector {
  constructor(root, data, send, kept) {
    this.root = root;
    this.ver = data.ver;
    this.send = send;
    this.model = new Model(data);
    this.state = { ...data.initial, pins: [...data.initial.pins], ...kept, hover: null, focus: null, page: 0 };
    this.cards = new Map();
    this.assemble();
    const last = this.state.pins.at(-1);
    this.turn(last === undefined ? 0 : Math.floor(last / this.model.page));
  }

  assemble() {
    const { model } = this;
    this.toolbar = new Toolbar(model, this);
    this.strip = new Strip(model, this);
    this.reading = el("div", { class: "readout", "aria-hidden": "true" });
    this.chart = new GapChart(model, this);
    this.pager = el("nav", { class: "pager", "aria-label": "Pages of the text", hidden: model.n <= model.page });
    this.slot = el("div", { class: "slot" });
    this.others = el("div", { class: "cards" });
    this.othersBox = el("section", { class: "also", hidden: true }, el("h3", {}, "Other pinned positions"), this.others);
    this.root.replaceChildren(
      this.toolbar.node,
      el("div", { class: "main" },
        el("div", { class: "left" }, this.strip.node, this.pager, this.reading, markKey(model), this.chart.node),
        this.slot),
      this.othersBox);
    this.root.classList.toggle("plain", !this.state.glyphs);
  }

  get metric() {
    return this.model.byMetric.get(this.state.metric);
  }

  // The position every linked view points at: pointer first, then keyboard.
  get active() {
    return this.state.hover ?? this.state.focus;
  }

  turn(page) {
    const { model } = this;
    this.state.page = page;
    const start = page * model.page;
    const end = Math.min(model.n, start + model.page);
    this.strip.build(start, end);
    this.chart.show(start, end);
    const go = (step, text) => el("button", { type: "button", disabled: step < 0 ? start === 0 : end === model.n, onclick: () => this.turn(page + step) }, text);
    this.pager.replaceChildren(go(-1, "‹ previous"), el("span", {}, `tokens ${num(start)} to ${num(end - 1)} of ${num(model.n)}`), go(1, "next ›"));
    this.recolour();
    this.showPins();
  }

  recolour() {
    const range = this.state.fit ? this.metric.fit : this.metric.locked;
    this.toolbar.show(this.metric, range);
    this.strip.colour(this.metric, range);
  }

  showPins() {
    const { pins } = this.state;
    this.strip.mark(pins);
    this.chart.mark(pins);
    const rest = pins.slice(0, -1).reverse();
    for (const [i, card] of this.cards) if (!rest.includes(i)) { card.remove(); this.cards.delete(i); }
    for (const i of rest) if (!this.cards.has(i)) this.cards.set(i, positionCard(this.model, i, this));
    this.others.replaceChildren(...rest.map((i) => this.cards.get(i)));
    this.othersBox.hidden = rest.length === 0;
    this.point();
  }

  // Everything that follows the pointer or the focus.
  point(source) {
    const i = this.active;
    this.strip.heat(i, source === "chart");
    this.chart.heat(i);
    this.reading.replaceChildren(...readout(this.model, i, this.metric));
    const shown = i !== null && this.model.isScored(i) ? i : this.state.pins.at(-1) ?? null;
    const key = `${shown} ${this.state.pins.includes(shown)}`;
    if (key === this.shown) return;
    this.shown = key;
    this.slot.replaceChildren(shown === null ? emptyCard(this.model) : positionCard(this.model, shown, this));
  }

  hover(i, source) {
    if (i === this.state.hover) return;
    this.state.hover = i;
    this.point(source);
  }

  focused(i) {
    this.state.focus = i;
    this.point();
  }

  toggle(i) {
    if (!this.model.isScored(i)) return;
    const pins = this.state.pins.filter((pin) => pin !== i);
    if (pins.length === this.state.pins.length) pins.push(i);
    this.state.pins = pins.slice(-this.model.max_pins);
    this.showPins();
    this.tell();
  }

  clear() {
    if (this.state.pins.length === 0) return;
    this.state.pins = [];
    this.showPins();
    this.tell();
  }

  setMetric(key) {
    this.state.metric = key;
    this.recolour();
    this.point();
    this.tell();
  }

  setFit(on) {
    this.state.fit = on;
    this.recolour();
    this.tell();
  }

  setGlyphs(on) {
    this.state.glyphs = on;
    this.root.classList.toggle("plain", !on);
    this.tell();
  }

  // How every card shows its bars: shared, so that cards can be compared.
  setCards(change) {
    const focus = this.root.getRootNode().activeElement?.closest("[data-index]");
    const choice = Object.values(change)[0];
    Object.assign(this.state, change);
    this.cards.clear();
    this.shown = null;
    this.showPins();
    if (focus) this.root.querySelector(`[data-index="${focus.dataset.index}"] [data-choice="${choice}"]`)?.focus({ preventScroll: true });
    this.tell();
  }

  tell() {
    clearTimeout(this.timer);
    const { pins, metric, fit, bars, scale, glyphs } = this.state;
    this.timer = setTimeout(() => this.send({ ver: this.ver, pins: [...pins], metric, fit, bars, scale, glyphs }), SEND_AFTER_MS);
  }

  // What a person chose for every text goes over to the next one, told to the server or not.
  kept() {
    const { bars, scale, glyphs } = this.state;
    return { bars, scale, glyphs };
  }

  // Nothing of a view that is gone may run: no message to the server, no observer.
  stop() {
    clearTimeout(this.timer);
    this.chart.stop();
  }
}
