// A control with its name before it, and a slider that says its value.

function knob(text, control, extra) {
  return el("label", { class: "knob" }, el("span", {}, text), control, extra);
}

class Slide {
  // `change` takes the value and whether the hand has let go.
  constructor(name, text, change) {
    this.input = el("input", { type: "range", "data-control": name });
    this.output = el("output", { class: "v", "data-field": name });
    this.input.addEventListener("input", () => { this.output.textContent = this.input.value; change(Number(this.input.value), false); });
    this.input.addEventListener("change", () => change(Number(this.input.value), true));
    this.node = knob(text, this.input, this.output);
  }

  show([low, high, step], value, text = String(value)) {
    for (const [name, bound] of [["min", low], ["max", high], ["step", step]]) this.input.setAttribute(name, bound);
    this.input.value = String(value);
    this.output.textContent = text;
  }
}
