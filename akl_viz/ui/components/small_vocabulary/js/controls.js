// Presets, head rule, temperature, scale and target; the parameters of the chosen divergence; the buttons.

function options(select, pairs, chosen) {
  const key = JSON.stringify(pairs);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    select.replaceChildren(...pairs.map(([value, text]) => el("option", { value }, text)));
  }
  select.value = String(chosen);
}

class Controls {
  constructor(app, sizes) {
    this.app = app;
    this.bounds = { size: [...sizes, 1], mu: [0.05, 0.95, 0.01], temperature: [0.25, 4, 0.05] };
    const pick = (name, change) => el("select", { "data-control": name, onchange: (event) => change(event.target.value) });
    const anew = { teacher: null, student: null, target: null };
    this.preset = pick("preset", (preset) => app.change({ preset, position: null, ...anew }));
    this.position = pick("position", (index) => app.change({ position: Number(index), ...anew }));
    this.target = pick("target", (index) => app.change({ target: Number(index) }));
    this.size = new Slide("size", "Tokens", (size, done) => { if (done) app.change({ size, ...anew }); });
    this.mu = new Slide("mu", "μ, mass of the head", (mu, done) => app.change({ mu }, done, "mu"));
    this.temperature = new Slide("temperature", "Temperature", (temperature, done) => app.change({ temperature }, done, "temperature"));
    this.boundary = el("span", { class: "knob" });
    this.scale = el("span", { class: "knob" });
    this.where = knob("Position", this.position);
    this.aim = knob("Target token", this.target);
    this.note = el("p", { class: "hint note" });
    this.node = el("div", { class: "controls" },
      el("div", { class: "knobs" }, knob("Start from", this.preset), this.where, this.size.node, this.temperature.node, this.mu.node, this.boundary, this.scale, this.aim),
      this.note);
  }

  show(data) {
    const { state } = this.app;
    options(this.preset, data.presets, state.preset);
    this.where.hidden = data.positions.length === 0;
    options(this.position, data.positions.map(([index, text]) => [index, `${index}: …${visible(text)}`]), state.position);
    // Only a divergence that looks at the token that followed has a use for it.
    this.aim.hidden = !data.numbers?.losses.some((loss) => loss.target && loss.key === state.loss);
    options(this.target, data.labels.map((label, i) => [i, visible(label)]), state.target ?? data.numbers?.target ?? 0);
    for (const [name, bounds] of Object.entries(this.bounds)) this[name].show(bounds, state[name]);
    this.segments();
    const { start } = data, untouched = ["teacher", "student"].every((side) => state[side].every((weight, i) => weight === start[side][i]));
    this.note.textContent = untouched ? data.note : "";
  }

  segments() {
    const { app } = this, { state } = app;
    const again = (node, title, pairs, chosen, name) => {
      const focused = node.getRootNode().activeElement?.closest?.("[data-choice]")?.dataset.choice;
      node.replaceChildren(el("span", {}, title), segmented(title, pairs, chosen, (key) => app.change({ [name]: key })));
      if (focused) node.querySelector(`[data-choice="${focused}"]`)?.focus({ preventScroll: true });
    };
    again(this.boundary, "Boundary", [["below", "below"], ["reach", "reach"]], state.boundary, "boundary");
    again(this.scale, "Bars", [["linear", "linear"], ["log", "log"]], state.scale, "scale");
  }
}

class Actions {
  constructor(app) {
    const button = (name, text, act) => el("button", { type: "button", "data-control": name, onclick: act }, text);
    this.undo = button("undo", "Undo", () => app.undo());
    this.node = el("div", { class: "actions" }, this.undo,
      button("same", "Student = teacher", () => app.change({ student: [...app.state.teacher] })),
      button("swap", "Swap", () => app.change({ teacher: [...app.state.student], student: [...app.state.teacher] })),
      button("reset", "Reset student", () => app.change({ student: [...app.start.student] })),
      button("resetTeacher", "Reset teacher", () => app.change({ teacher: [...app.start.teacher] })));
  }
}

// The parameters of one divergence, as the table of divergences states them.
function parameters(loss, params, change) {
  const at = (name) => params[name] ?? loss.params.find((param) => param.name === name).value;
  return loss.params.filter(({ only }) => !only || at(only[0]) === only[1]).map((param) => {
    const name = param.symbol ? `${param.name} (${param.symbol})` : param.name;
    const now = params[param.name] ?? param.value;
    const set = (value) => change({ ...params, [param.name]: value });
    if (param.choices.length) {
      const select = el("select", { "data-param": param.name, onchange: () => set(select.value) }, ...param.choices.map((word) => el("option", { value: word }, word)));
      select.value = now;
      return el("label", { class: "knob", title: param.meaning }, el("span", {}, name), select);
    }
    const input = el("input", { type: "number", min: param.lower, max: Number.isFinite(param.upper) ? param.upper : null, step: "any", value: now, "data-param": param.name });
    input.addEventListener("change", () => {
      const value = Number(input.value);
      const inside = param.open ? value > param.lower && value < param.upper : value >= param.lower && value <= param.upper;
      if (input.value !== "" && inside) set(value);
      else input.value = now;
    });
    return el("label", { class: "knob", title: param.meaning }, el("span", {}, name), input);
  });
}
