// The mixture as a person drags it, the fits Python makes of it, and the fits as they move.

const PACE = { gap: 40, lost: 6000 };
const SHORT = { forward_kl: "T‖S", reverse_kl: "S‖T" };
const HEIGHT = { 1: 300, 2: 440 };
const SMALL = { 1: 190, 2: 300 };

class Explorer {
  constructor(root, data, send) {
    Object.assign(this, { root, send, data, state: structuredClone(data.state), speed: 5 });
    this.outbox = new Outbox(this, data.seq, PACE);
    this.controls = new Controls(this);
    this.handles = new Handles(this);
    this.art = svg("svg", { class: "chart main", role: "group", "aria-label": "Target and every optimum found" });
    this.back = svg("g", {}); this.shape = svg("g", {}); this.dashed = svg("g", {});
    this.art.append(this.back, this.shape, this.dashed, this.handles.node);
    this.say = el("div", { class: "verdicts", "aria-live": "polite" });
    this.key = el("div", { class: "key" });
    this.ways = el("div", { class: "ways" });
    this.bar = el("div", { class: "slot" });
    this.tables = el("div", { class: "tables" });
    root.replaceChildren(this.controls.node, this.say, this.key, this.art,
      el("section", { class: "moving" }, el("h3", {}, "The fits as they move, one line per start"), this.bar, this.ways), this.tables);
    this.watch = new ResizeObserver(() => { if (Math.abs(root.clientWidth - this.width) > 1) this.layout(); });
    this.receive(data);
    this.watch.observe(root);
  }

  // Whether something is being dragged: answers that come meanwhile are older.
  get held() {
    return Boolean(this.handles.held || this.controls.weights.held);
  }

  get dimension() {
    return (this.state.parts[0].length - 1) / 2;
  }

  // An answer: its fits are drawn at once; its parts only where nothing newer was done here.
  receive(data) {
    const raw = JSON.stringify(data);
    // The same answer again, as a rerun of the page sends it: what plays goes on playing.
    if (raw === this.raw) return;
    this.raw = raw;
    const latest = this.outbox.answered(data.seq) && !this.held;
    if (data.numbers) data.numbers = unpackAll(data.numbers);
    this.data = data;
    if (latest) this.state = structuredClone(data.state);
    if (data.dimension === this.dimension) this.layout();
    this.outbox.drawn();
    this.root.dataset.seq = data.seq;
    this.outbox.flush();
  }

  // What lies on the page is drawn anew: sizes, axes, fits, tables.
  layout() {
    const { numbers } = this.data;
    this.handles.remember();
    this.width = this.root.clientWidth || 600;
    const fresh = numbers?.target.mean.length === this.dimension ? numbers : null;
    this.numbers = fresh;
    if (!this.held) {
      this.grid = fresh ? fresh.grid : this.state.grid;
      const students = fresh ? fresh.losses.flatMap((loss) => loss.optima) : [];
      this.top = this.dimension === 1 ? Line.top(this.state.parts, students, this.grid) : 1;
    }
    this.view = this.viewOf(this.width, HEIGHT[this.dimension]);
    size(this.art, this.view);
    this.back.replaceChildren(...this.view.frame());
    this.drawTarget();
    this.say.setAttribute("aria-live", this.held ? "off" : "polite");
    this.named = [];
    this.say.replaceChildren(...(fresh ? verdicts(fresh) : [el("p", { class: "hint" }, this.data.problem || "Loading the mathematics…")]));
    this.dashed.replaceChildren(...(fresh ? fresh.losses.flatMap((loss) => this.optima(loss)) : []));
    this.tables.replaceChildren(...(fresh ? [optimaTable(fresh), momentTable(fresh)] : []));
    this.legend();
    this.motion();
  }

  viewOf(width, height) {
    if (this.dimension === 1) return new Line(width, height, this.grid, this.top);
    // The plane is a square: no room is left below a narrow one.
    return new Plane(width, Math.min(height, width - MARGIN.left - MARGIN.right + MARGIN.top + MARGIN.bottom));
  }

  drawTarget() {
    const { parts } = this.state;
    this.controls.show(this.data, this.state, this.dimension);
    this.shape.replaceChildren(...this.view.target(parts));
    this.handles.build(parts.length, this.dimension);
    this.handles.place(this.view, parts);
  }

  optima(loss) {
    return loss.optima.flatMap((one, rank) => {
      const covariance = one.covariance.flat(), peak = this.view.label(one.mean, covariance), [x, y] = this.free(...peak);
      const text = `${SHORT[loss.key]} ${rank + 1}`;
      return [svg("line", { class: `lead ${loss.key}`, x1: peak[0], y1: peak[1] + 6, x2: x, y2: y + 4 }), svg("circle", { class: `peak ${loss.key}`, cx: peak[0], cy: peak[1] + 6, r: 3 }),
        svg("path", { class: `optimum ${loss.key}${one.best ? " best" : ""}`, d: this.view.student(one.mean, covariance), "data-optimum": `${loss.key}.${rank}` }),
        svg("text", { class: `name ${loss.key}`, x, y, "text-anchor": "middle" }, svg("tspan", { class: "namedot" }, "● "), text)];
    });
  }

  // A name that would lie on another one moves up, at the upper edge down.
  free(x, y) {
    const at = [Math.max(22, Math.min(this.width - 22, x)), Math.max(11, y)];
    const taken = () => this.named.some((other) => Math.abs(other[0] - at[0]) < 44 && Math.abs(other[1] - at[1]) < 14);
    const step = at[1] > 60 ? -14 : 14;
    while (taken()) at[1] += step;
    this.named.push(at);
    return at;
  }

  legend() {
    const item = (kind, text) => el("span", { class: "item" }, el("i", { class: `mark ${kind}` }), text);
    const flat = this.dimension === 1, what = flat ? "" : " (ellipse: one sd)";
    const levels = flat ? "" : `: lines at ${LEVELS.map((level) => 100 * level).join(", ")} % of its highest density`;
    this.key.replaceChildren(item("targetmark", `target, T${levels}`), item("fitmark forward_kl", `optima of KL(T‖S), by rank${what}`), item("fitmark reverse_kl", `optima of KL(S‖T), by rank${what}`),
      el("span", { class: "item" }, "Drag a circle (mean) or a square (sd), or focus one and use the arrow keys; shift: larger steps."));
  }

  // The descents: a small chart per loss, and the player over both.
  motion() {
    this.player?.pause();
    if (!this.numbers) { this.bar.replaceChildren(); this.ways.replaceChildren(); return; }
    const narrow = this.width < 700, width = narrow ? this.width : (this.width - 24) / 2;
    const view = this.viewOf(width, SMALL[this.dimension]);
    this.charts = this.numbers.losses.map((loss) => {
      const lines = Array.from(loss.ends, (end) => svg("path", { class: `way ${loss.key}${end < 0 ? " failed" : ""}` }));
      const art = svg("svg", { class: "chart", role: "img", "aria-label": `Fits of ${loss.direction} on their way from ${this.numbers.starts} starts; where they end stands in the table` }, ...view.frame(), ...view.target(this.data.state.parts), ...lines);
      size(art, view);
      return { loss, lines, view, note: el("output", { class: "v", "data-field": `best.${loss.key}` }), art };
    });
    this.ways.replaceChildren(...this.charts.map(({ loss, art, note }) =>
      el("figure", {}, el("figcaption", {}, el("b", {}, loss.direction), " least value so far ", note, " nats"), art)));
    const steps = Array.from({ length: this.numbers.frames }, (_, k) => k);
    if (this.player) this.speed = this.player.speed;
    this.player = new Player(steps, { frame: steps.length - 1, speed: this.speed }, (frame) => this.move(frame), () => {});
    this.bar.replaceChildren(this.player.node);
    this.player.go(steps.length - 1);
  }

  move(frame) {
    const d = this.dimension, { frames } = this.numbers;
    for (const { loss, lines, view, note } of this.charts) {
      lines.forEach((line, start) => {
        const at = start * frames + frame;
        line.setAttribute("d", view.student(loss.means.subarray(at * d, (at + 1) * d), loss.covariances.subarray(at * d * d, (at + 1) * d * d)));
      });
      note.textContent = num(loss.least[frame]);
      note.dataset.value = exact(loss.least[frame]);
    }
  }

  setPart(i, part, settled) {
    const { mean, sd, weight } = this.data.bounds, d = this.dimension;
    const limits = [...Array(d).fill(mean), ...Array(d).fill(sd), weight];
    // To three decimals, as Python and the address keep them.
    this.state.parts[i] = part.map((value, k) => Math.min(limits[k][1], Math.max(limits[k][0], Number(value.toFixed(3)))));
    this.changed(settled);
  }

  take(preset) {
    const [, , parts] = this.data.presets.find(([key]) => key === preset);
    // The plane has the wide grid alone; who comes from there did not choose it.
    const grid = parts[0].length === 5 ? "wide" : this.dimension === 2 ? "paper" : this.state.grid;
    this.change({ preset, parts: structuredClone(parts), grid });
  }

  // The weight of one part; the next one has what is left of both.
  setWeight(i, weight, settled) {
    const pair = this.state.parts.slice(i, i + 2), both = pair.reduce((sum, part) => sum + part[part.length - 1], 0);
    const first = Number(weight.toFixed(3));
    [first, Number((both - first).toFixed(3))].forEach((value, k) => { this.state.parts[i + k] = [...pair[k].slice(0, -1), value]; });
    this.changed(settled);
  }

  spread(sd, settled) {
    const d = this.dimension;
    this.state.parts = this.state.parts.map((part) => part.map((value, k) => (k >= d && k < 2 * d ? sd : value)));
    this.changed(settled);
  }

  space(gap, settled) {
    const means = this.state.parts.map((part) => part[0]), low = Math.min(...means), high = Math.max(...means);
    const [least, most] = this.data.bounds.mean, middle = Math.min(most - gap / 2, Math.max(least + gap / 2, (low + high) / 2));
    this.state.parts = this.state.parts.map(([mean, ...rest]) => [Number((middle + ((mean - (low + high) / 2) * gap) / (high - low)).toFixed(2)), ...rest]);
    this.changed(settled);
  }

  add() {
    const first = this.state.parts[0], d = this.dimension, { mean: [low, high] } = this.data.bounds;
    // In the middle of the widest gap, so that no two parts lie on each other.
    const between = Array.from({ length: d }, (_, k) => {
      const at = [low, ...this.state.parts.map((part) => part[k]), high].sort((a, b) => a - b);
      const gaps = at.slice(1).map((end, n) => [end - at[n], (end + at[n]) / 2]);
      return gaps.reduce((best, gap) => (gap[0] > best[0] ? gap : best))[1];
    });
    this.change({ parts: [...this.state.parts, first.map((value, k) => (k < d ? Number(between[k].toFixed(1)) : value))] });
  }

  remove(i) {
    this.change({ parts: this.state.parts.filter((_, k) => k !== i) });
  }

  change(part) {
    Object.assign(this.state, part);
    this.changed(true);
  }

  // A change here: the target is drawn at once, Python hears of it.
  changed(settled) {
    if (this.data.dimension === this.dimension) this.drawTarget();
    this.outbox.post(settled);
  }

  stop() {
    this.outbox.stop();
    this.player?.pause();
    this.watch.disconnect();
  }
}

function size(art, { width, height }) {
  art.setAttribute("viewBox", `0 0 ${width} ${height}`);
  art.setAttribute("width", width);
  art.setAttribute("height", height);
}
