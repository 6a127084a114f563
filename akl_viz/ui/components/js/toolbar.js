// Metric picker, legend with its numbers, switches, and the key of the marks around a token.

function legend(metric, range, levels) {
  const swatch = (name, share) => el("i", { class: `sw ${name}`, style: { "flex-grow": String(share) } });
  const steps = Array.from({ length: levels }, (_, k) => k + 1);
  const side = (letter) => steps.map((k) => swatch(`${letter}${k}`, k === levels ? 0.5 : 1));
  const bar = metric.signed
    ? [...side("n").reverse(), swatch("zero", 1), ...side("p")]
    : [swatch("zero", 0.5), ...side("u")];
  const ticks = range.ticks.map(([at, text]) =>
    el("span", { class: at === 0 ? "first" : at === 1 ? "last" : "", style: { left: `${100 * at}%` } }, text));
  return el("div", { class: "legend", role: "img", "aria-label": `Colour scale of ${metric.label}: ${range.ticks.map((tick) => tick[1]).join(", ")} ${metric.unit}` },
    el("div", { class: "ramp" }, ...bar), el("div", { class: "ticks" }, ...ticks));
}

function check(label, name, on, change) {
  const box = el("input", { type: "checkbox", "data-switch": name, onchange: () => change(box.checked) });
  box.checked = on;
  return el("label", { class: "check" }, box, el("span", {}, label));
}

function markKey(model) {
  const item = (sample, text) => el("span", { class: "item" }, sample, el("span", {}, text));
  const line = (name) => el("i", { class: `mark ${name}` });
  const items = [
    item(line("over"), "line above: teacher’s probability"),
    item(line("under"), "line below: student’s"),
    item(line("weight"), "bar: AKL weight, KL(T‖S) | KL(S‖T)"),
  ];
  if (model.n_scored < model.n) items.push(item(line("hatch"), "not scored"));
  return el("div", { class: "key" }, ...items);
}

function signKey(metric) {
  if (!metric.signed) return null;
  const corner = (name, text) => el("span", { class: "item" }, el("i", { class: `mark ${name}` }), el("span", {}, text));
  return el("div", { class: "key" }, corner("up", "teacher higher"), corner("down", "student higher"));
}

class Toolbar {
  constructor(model, app) {
    this.model = model;
    const options = model.metrics.map((metric) => el("option", { value: metric.key }, metric.label));
    this.select = el("select", { "data-control": "metric", onchange: () => app.setMetric(this.select.value) }, ...options);
    this.scale = el("div", { class: "scale" });
    this.meaning = el("p", { class: "meaning" });
    const state = app.state;
    const count = el("span", { class: "count" }, `n = ${num(model.n_scored)} of ${num(model.n)} tokens`);
    this.node = el("div", { class: "toolbar" },
      el("label", { class: "pick" }, el("span", {}, "Colour by"), this.select), this.scale,
      el("div", { class: "switches" },
        check("fit to this text", "fit", state.fit, (on) => app.setFit(on)),
        check("whitespace", "glyphs", state.glyphs, (on) => app.setGlyphs(on)), count),
      this.meaning);
  }

  show(metric, range) {
    this.select.value = metric.key;
    this.scale.replaceChildren(legend(metric, range, this.model.levels), el("span", { class: "unit" }, metric.unit));
    this.meaning.replaceChildren(metric.meaning);
    const key = signKey(metric);
    if (key) this.meaning.append(key);
  }
}
