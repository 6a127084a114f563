// The weights as one bar: a divider between two neighbours is dragged or moved by the arrow keys, their sum stays.

const WEIGHT_KEYS = { ArrowRight: 1, ArrowUp: 1, PageUp: 10, ArrowLeft: -1, ArrowDown: -1, PageDown: -10 };
const WEIGHT_STEP = 0.01;
// A part keeps this share of the bar: one that has none is removed by its button.
const LEAST_SHARE = 0.005;

class Weights {
  constructor(app) {
    this.app = app;
    this.track = el("div", { class: "shares" });
    this.node = el("div", { class: "knob weightbar" }, el("span", {}, "Weights, divided by their sum"), this.track);
    this.held = null;
  }

  build(count) {
    if (this.count === count) return;
    this.count = count;
    this.pieces = Array.from({ length: count }, () => el("i", { class: "share" }));
    this.dividers = Array.from({ length: count - 1 }, (_, i) => this.divider(i));
    this.track.replaceChildren(...this.pieces, ...this.dividers);
  }

  divider(i) {
    const node = el("div", { class: "divider", role: "slider", tabindex: "0", "data-divider": i, "aria-label": `weight of part ${i + 1} against part ${i + 2}`, "aria-valuemin": "0", "aria-valuemax": "1" });
    node.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || this.held) return;
      node.setPointerCapture(event.pointerId);
      node.focus({ preventScroll: true });
      this.held = { i, pointer: event.pointerId };
      event.preventDefault();
    });
    node.addEventListener("pointermove", (event) => {
      if (this.held?.pointer !== event.pointerId) return;
      const box = this.track.getBoundingClientRect();
      this.split(i, (event.clientX - box.left) / box.width, false);
    });
    for (const end of ["pointerup", "pointercancel"]) node.addEventListener(end, (event) => {
      if (this.held?.pointer !== event.pointerId) return;
      this.held = null;
      this.app.changed(true);
    });
    node.addEventListener("keydown", (event) => {
      const steps = WEIGHT_KEYS[event.key];
      if (!steps || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.split(i, this.ends[i + 1] + WEIGHT_STEP * steps * (event.shiftKey ? 10 : 1), true);
    });
    return node;
  }

  // The divider after part i stands at a share of the whole.
  split(i, share, settled) {
    const { ends, total } = this, [least, most] = this.app.data.bounds.weight.map((weight) => weight / total);
    const room = Math.max(LEAST_SHARE, least);
    const low = Math.max(ends[i] + room, ends[i + 2] - most), high = Math.min(ends[i + 2] - room, ends[i] + most);
    if (low > high) return;
    const at = Math.min(high, Math.max(low, share));
    this.app.setWeight(i, (at - ends[i]) * total, settled);
  }

  show(parts) {
    this.node.hidden = parts.length < 2;
    this.build(parts.length);
    const weights = parts.map((part) => part[part.length - 1]);
    this.total = weights.reduce((sum, weight) => sum + weight, 0);
    this.ends = [0];
    weights.forEach((weight) => this.ends.push(this.ends[this.ends.length - 1] + weight / this.total));
    weights.forEach((weight, i) => {
      const share = weight / this.total;
      this.pieces[i].style.width = `${100 * share}%`;
      this.pieces[i].textContent = share > 0.12 ? `${i + 1}: ${(100 * share).toFixed(1)} %` : "";
    });
    this.dividers.forEach((node, i) => {
      const share = weights[i] / (weights[i] + weights[i + 1]);
      node.style.left = `${100 * this.ends[i + 1]}%`;
      node.setAttribute("aria-valuenow", share.toFixed(3));
      node.setAttribute("aria-valuetext", `part ${i + 1} ${weights[i]}, part ${i + 2} ${weights[i + 1]}`);
    });
  }
}
