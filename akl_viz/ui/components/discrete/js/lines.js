// How a loss looks: its colour from the theme, and a dash of its own, so that nobody needs the colour.

const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [14, 4], [4, 2, 1, 2, 1, 2], [1, 5], [10, 2, 4, 2]];

const dashOf = (index) => DASHES[index % DASHES.length];
const baseOf = (loss) => (loss.key ? `var(--akl-loss-${loss.key})` : "var(--akl-muted)");
// Of two losses with one key the second is paler: a dash alone is lost where lines lie close together.
const colourOf = (loss) => (loss.again ? `color-mix(in srgb, ${baseOf(loss)} 52%, var(--paper))` : baseOf(loss));

function lineMark(loss, index) {
  const line = svg("line", { class: "lossmark", x1: 0, x2: 34, y1: 6, y2: 6, "stroke-dasharray": dashOf(index).join(" "), style: { stroke: colourOf(loss) } });
  return [line, svg("svg", { width: 34, height: 12, viewBox: "0 0 34 12", "aria-hidden": "true" }, line)];
}

class Legend {
  constructor(losses, hidden, changed, chosen) {
    const marks = losses.map(lineMark);
    this.marks = marks.map(([line]) => line);
    this.buttons = losses.map((loss, index) =>
      el("button", { type: "button", class: "loss", "aria-pressed": String(!hidden.has(loss.name)), title: "Show or hide this loss", onclick: () => {
        if (!hidden.delete(loss.name)) hidden.add(loss.name);
        this.buttons[index].setAttribute("aria-pressed", String(!hidden.has(loss.name)));
        changed();
        chosen();
      } }, marks[index][1], el("span", {}, loss.name)));
    this.node = el("div", { class: "legend key", role: "group", "aria-label": "Losses drawn" },
      el("span", { class: "item" }, el("i", { class: "mark teacherarea" }), "teacher"), ...this.buttons);
    // A change of theme changes the strokes; a transition tells the canvas, which has no style of its own.
    this.node.addEventListener("transitionend", (event) => { if (event.propertyName === "stroke") changed(); });
  }

  colours() {
    return this.marks.map((mark) => getComputedStyle(mark).stroke);
  }
}
