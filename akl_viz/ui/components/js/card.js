// One position: what both models expected, what the divergences make of it, what each loss would do.

function emptyCard(model) {
  const words = model.n_scored ? "Point at a token, or click one to pin its card here." : "No token of this text has a prefix, so none is scored.";
  return el("div", { class: "card empty" }, el("p", {}, words));
}

function cardHead(model, i, app, pinned) {
  const action = pinned
    ? el("button", { type: "button", class: "quiet", "data-control": "unpin", "aria-label": `Unpin token ${i}`, onclick: () => app.toggle(i) }, "Unpin ×")
    : el("span", { class: "tag" }, "preview");
  return el("header", {},
    el("p", { class: i > 5 ? "where more" : "where" }, el("bdi", {}, model.context(i, 60)), tokenChip(model.shown(i))),
    el("span", { class: "nr" }, `#${i}`), action);
}

function side(model, i, name) {
  return el("div", { class: `side ${name}` }, el("small", {}, name),
    field(`${name}_probability`, model.at(`${name}_probability`, i), null, "big"),
    el("small", {}, "rank ", field(`${name}_rank`, model.at(`${name}_rank`, i))));
}

function facts(model, i) {
  const fact = (key) => el("div", {}, el("dt", {}, model.short(key)), el("dd", {}, field(key, model.at(key, i))));
  return el("dl", { class: "facts" }, ...["forward_kl", "reverse_kl", "jsd", "tvd"].map(fact));
}

function formula(model, i) {
  const v = (key) => field(key, model.at(key, i));
  const line = (...parts) => el("div", {}, ...parts);
  const w = model.at("weight_forward", i);
  return el("section", { class: "formula", "aria-label": "AKL weights" },
    el("div", { class: "split", role: "img", "aria-label": `weight of KL(T‖S) ${num(w)}`, style: { "--w": `${100 * w}%` } }),
    line("w = head / (head + tail)"),
    line("\u2002 = ", v("head_gap"), " / (", v("head_gap"), " + ", v("tail_gap"), ") = ", el("b", {}, v("weight_forward"))),
    line("AKL = w × KL(T‖S) + (1 − w) × KL(S‖T)"),
    line("\u2002 = ", v("weight_forward"), " × ", v("forward_kl"), " + ", v("weight_reverse"), " × ", v("reverse_kl"), " = ", el("b", {}, v("akl"), "\u00a0nats")));
}

function positionCard(model, i, app) {
  const { state } = app;
  const pinned = state.pins.includes(i);
  const terms = state.bars === "terms";
  const size = model.at("head_size", i);
  return el("article", { class: pinned ? "card" : "card preview", "data-index": i, "data-pinned": String(pinned), "aria-label": `Position ${i}: ${spoken(model.shown(i))}` },
    cardHead(model, i, app, pinned),
    el("div", { class: "top" }, side(model, i, "teacher"), side(model, i, "student"), facts(model, i)),
    el("div", { class: "bar-head" },
      el("p", {}, "head: ", field("head_size", size), size === 1 ? " token" : " tokens", ", mass ", field("head_mass", model.table.head_mass[i])),
      segmented("What the bars show", [["probability", "probability"], ["terms", "KL terms"]], state.bars, (bars) => app.setCards({ bars })),
      terms ? null : segmented("Scale of the bars", [["linear", "linear"], ["log", "log"]], state.scale, (scale) => app.setCards({ scale }))),
    terms ? termPanel(model, i) : probabilityPanel(model, i, state.scale === "log"),
    formula(model, i),
    pushPanel(model, i));
}
