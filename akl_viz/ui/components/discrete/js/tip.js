// Values under the pointer, beside it: a title and a row per loss. A table has the same numbers for everybody else.

const TIP_OFF = 14;

class Tip {
  constructor(holder) {
    this.holder = holder;
    this.node = el("div", { class: "tip", hidden: true, "aria-hidden": "true" });
    holder.append(this.node);
  }

  // Rows: [loss and its place, value]; a row without a loss is the teacher's.
  show(x, y, title, rows) {
    this.node.hidden = false;
    this.node.replaceChildren(el("b", {}, title), ...rows.map(([mark, name, value]) =>
      el("span", {}, mark, el("span", {}, name), el("span", { class: "v" }, num(value)))));
    const room = this.holder.clientWidth - this.node.offsetWidth - 4;
    const right = x + TIP_OFF, left = x - TIP_OFF - this.node.offsetWidth;
    this.node.style.left = `${Math.max(0, right <= room ? right : Math.min(room, left))}px`;
    this.node.style.top = `${Math.max(0, y - this.node.offsetHeight / 2)}px`;
  }

  hide() {
    this.node.hidden = true;
  }
}
