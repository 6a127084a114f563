// How a loss looks: its colour from the theme, and a dash of its own, so that nobody needs the colour.

const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [14, 4], [4, 2, 1, 2, 1, 2], [1, 5], [10, 2, 4, 2]];

const dashOf = (index) => DASHES[index % DASHES.length];
const colourOf = (loss) => (loss.key ? `var(--akl-loss-${loss.key})` : "var(--akl-muted)");

class Legend {
  constructor(losses, hidden, changed) {
    this.marks = losses.map((loss, index) =>
      svg("line", { class: "lossmark", x1: 0, x2: 34, y1: 6, y2: 6, "stroke-dasharray": dashOf(index).join(" "), style: { stroke: colourOf(loss) } }));
    this.buttons = losses.map((loss, index) =>
      el("button", { type: "button", class: "loss", "aria-pressed": String(!hidden.has(loss.name)), title: "Show or hide this loss", onclick: () => {
        if (!hidden.delete(loss.name)) hidden.add(loss.name);
        this.buttons[index].setAttribute("aria-pressed", String(!hidden.has(loss.name)));
        changed();
      } }, svg("svg", { width: 34, height: 12, viewBox: "0 0 34 12", "aria-hidden": "true" }, this.marks[index]), el("span", {}, loss.name)));
    this.node = el("div", { class: "legend key", role: "group", "aria-label": "Losses drawn" },
      el("span", { class: "item" }, el("i", { class: "mark teacherarea" }), "teacher"), ...this.buttons);
    // A change of theme changes the strokes; a transition tells the canvas, which has no style of its own.
    this.node.addEventListener("transitionend", changed);
  }

  colours() {
    return this.marks.map((mark) => getComputedStyle(mark).stroke);
  }
}
