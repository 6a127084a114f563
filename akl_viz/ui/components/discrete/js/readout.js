// The numbers at the frame, of one seed or the median of all: a table that follows every frame, and a sentence for
// screen readers that does not.

const SAID_MS = 2500;
const COLUMNS = [["head_gap", "head gap"], ["tail_gap", "tail gap"], ["forward_kl", "KL(T‖S), nats"], ["reverse_kl", "KL(S‖T), nats"]];

class Readout {
  constructor(data, median, choose) {
    this.data = data;
    this.choose = choose;
    this.live = el("p", { class: "unseen", "aria-live": "polite" });
    const heads = COLUMNS.map(([, text]) => el("th", { scope: "col" }, text));
    this.cells = data.losses.map((_, loss) => COLUMNS.map(([name]) => el("td", { "data-field": `${name}.${loss}` })));
    const rows = data.losses.map((loss, index) => el("tr", {}, el("th", { scope: "row" }, loss.name), ...this.cells[index]));
    this.whose = el("th", { scope: "col" });
    this.which = el("div", {});
    const table = el("table", {}, el("thead", {}, el("tr", {}, this.whose, ...heads)), el("tbody", {}, ...rows));
    this.node = el("section", { class: "numbers" }, this.which,
      el("div", { class: "readout", tabindex: 0, role: "region", "aria-label": "Numbers at this step" }, table), this.live);
    this.said = 0;
    this.show(median);
  }

  show(median) {
    const { data } = this;
    median &&= data.medians !== null;
    const seed = data.seed === null ? "" : `seed ${data.seed}`, all = `median of ${data.seeds} seeds`;
    this.numbers = median ? data.medians : data.shown;
    this.whose.textContent = ["loss", median ? all : seed].filter(Boolean).join(", ");
    if (!data.medians) return;
    this.which.replaceChildren(segmented("Numbers of", [["seed", seed], ["median", all]], median ? "median" : "seed", (key) => {
      this.show(key === "median");
      this.choose(key === "median");
    }));
  }

  value(name, loss, frame) {
    const { data } = this;
    return this.numbers[(data.fields.indexOf(name) * data.losses.length + loss) * data.steps.length + frame];
  }

  draw(frame, now) {
    this.cells.forEach((row, loss) => row.forEach((cell, column) => {
      const value = this.value(COLUMNS[column][0], loss, frame);
      cell.textContent = num(value);
      cell.dataset.value = exact(value);
    }));
    if (!now && performance.now() - this.said < SAID_MS) return;
    this.said = performance.now();
    const told = this.data.losses.map((loss, index) =>
      `${loss.name}: head gap ${num(this.value("head_gap", index, frame))}, tail gap ${num(this.value("tail_gap", index, frame))}`);
    this.live.textContent = `Step ${this.data.steps[frame]}. ${told.join("; ")}.`;
  }
}
