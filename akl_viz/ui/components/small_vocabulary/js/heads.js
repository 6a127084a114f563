// Head and tail under both rules: the teacher's mass in falling order with the mu line, the gaps, the weights.

const RULES = {
  below: ["below", "largest prefix with mass ≤ μ, at least one token"],
  reach: ["reach", "smallest prefix with mass ≥ μ"],
};

class Heads {
  constructor(app) {
    this.app = app;
    this.rules = el("div", { class: "rules" });
    this.formula = el("div", { class: "formula", role: "group", "aria-label": "AKL weights, filled in" });
    this.other = el("p", { class: "hint" });
    this.node = el("section", { class: "heads" }, el("h3", {}, "Head, tail and the weights of AKL"), this.rules, this.formula, this.other);
  }

  draw(numbers, labels) {
    const { state } = this.app;
    this.rules.replaceChildren(...numbers.heads.map((head) => this.rule(head, numbers, labels, head.boundary === state.boundary)));
    const chosen = numbers.heads.find((head) => head.boundary === state.boundary);
    this.fill(chosen, numbers.kl);
    const own = state.loss === "akl" ? Object.entries(state.params) : [];
    this.other.textContent = own.length ? `AKL as published; the one chosen above has ${own.map((pair) => pair.join(" = ")).join(", ")}.` : "";
  }

  rule(head, numbers, labels, chosen) {
    const [name, meaning] = RULES[head.boundary] ?? [head.boundary, ""];
    const at = `head.${head.boundary}`;
    const count = head.size;
    const pieces = Array.from(numbers.order, (i) =>
      el("i", { class: head.mask[i] ? "piece in" : "piece", style: { width: `${100 * numbers.p[i]}%` }, title: `${visible(labels[i])}: ${num(numbers.p[i])}` }));
    const words = `Teacher mass in falling order; head: ${count} of ${labels.length} tokens, mass ${num(head.mass)}; μ at ${num(this.app.state.mu)}`;
    return el("div", { class: chosen ? "rule chosen" : "rule" },
      el("p", {}, el("b", {}, name), " ", el("small", {}, meaning)),
      el("div", { class: "mass", role: "img", "aria-label": words }, ...pieces, el("i", { class: "mu", style: { left: `${100 * this.app.state.mu}%` } })),
      el("p", { class: "facts" },
        el("span", {}, "head ", field(`${at}.size`, count), count === 1 ? " token, mass " : " tokens, mass ", field(`${at}.mass`, head.mass)),
        el("span", {}, "head gap ", field(`${at}.head_gap`, head.head_gap)),
        el("span", {}, "tail gap ", field(`${at}.tail_gap`, head.tail_gap)),
        el("span", {}, "w ", field(`${at}.weight`, head.weight))));
  }

  fill(head, kl) {
    const line = (...parts) => el("div", {}, ...parts);
    const v = (name, value) => field(`formula.${name}`, value);
    const equal = head.head_gap + head.tail_gap === 0;
    this.formula.replaceChildren(
      el("div", { class: "split", role: "img", "aria-label": `weight of KL(T‖S) ${num(head.weight)}`, style: { "--w": `${100 * head.weight}%` } }),
      line("w = head gap / (head gap + tail gap)"),
      line("\u2002 = ", v("head_gap", head.head_gap), " / (", v("head_gap", head.head_gap), " + ", v("tail_gap", head.tail_gap), ") = ",
        el("b", {}, v("weight", head.weight)), equal ? " (no gap: half and half)" : ""),
      line("AKL = w × KL(T‖S) + (1 − w) × KL(S‖T)"),
      line("\u2002 = ", v("weight", head.weight), " × ", v("forward", kl[0]), " + ", v("rest", head.rest), " × ", v("reverse", kl[1]), " = ",
        el("b", {}, v("akl", head.akl[0]), "\u00a0nats")));
  }
}
