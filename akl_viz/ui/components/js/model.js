// The payload of a trace, with named access to one position.

class Model {
  constructor(payload) {
    Object.assign(this, unpackAll(payload));
    this.byMetric = new Map(this.metrics.map((metric) => [metric.key, metric]));
  }

  at(name, i) {
    return this.columns[name][i];
  }

  short(key) {
    return this.byMetric.get(key).short;
  }

  isScored(i) {
    return this.scored[i] === 1;
  }

  // What stands in the strip: the piece itself, or the label where a character is split over tokens.
  shown(i) {
    const piece = this.pieces[i];
    return visible(piece) === this.labels[i] ? piece : this.labels[i];
  }

  // The same without what the token before already shows: of a split character's later tokens, the bytes alone.
  drawn(i) {
    const shown = this.shown(i);
    return this.pieces[i] === "" && shown.endsWith("\u27e9") ? shown.slice(shown.lastIndexOf("\u27e8")) : shown;
  }

  // The text before a position on one line; what could hide or reorder it is named.
  context(i, length) {
    let text = "";
    for (let k = i - 1; k >= 0 && text.length < 2 * length; k--) text = this.pieces[k] + text;
    const line = Array.from(text.replace(/\s+/g, " "));
    return line.slice(-length).map((c) => (c !== " " && INVISIBLE.test(c) ? codePoint(c) : c)).join("");
  }

  slot(i, s) {
    const table = this.table;
    const k = i * table.width + s;
    return {
      slot: s,
      label: table.labels[table.tokens[k]] ?? "",
      teacher: table.teacher[k],
      student: table.student[k],
      forward: table.forward[k],
      reverse: table.reverse[k],
      cumulative: table.cumulative[k],
      inHead: table.in_head[k] === 1,
      observed: table.observed[i] === s,
      gradients: this.losses.map((_, n) => table.gradients[k * this.losses.length + n]),
    };
  }

  slots(i, which, count) {
    const found = [];
    for (let r = 0; r < count; r++) if (which[i * count + r] >= 0) found.push(this.slot(i, which[i * count + r]));
    return found;
  }

  rows(i) {
    return this.slots(i, this.table.slots, this.table.rows);
  }

  pushes(i) {
    return this.slots(i, this.table.pushes, this.table.pushes.length / this.n);
  }

  rest(i) {
    const table = this.table;
    return {
      others: table.others[i],
      teacher: table.rest_teacher[i],
      student: table.rest_student[i],
      forward: table.rest_forward[i],
      reverse: table.rest_reverse[i],
    };
  }
}
