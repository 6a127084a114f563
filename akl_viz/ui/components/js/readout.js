// The line under the strip: what the token under the pointer or the focus says, at once and without the server.

const READ = ["forward_kl", "reverse_kl", "head_gap", "tail_gap", "weight_forward"];

function tokenChip(text) {
  const chip = el("span", { class: "chip" });
  appendToken(chip, text);
  return chip;
}

function readout(model, i, metric) {
  if (i === null) {
    return [el("span", { class: "hint" }, "Point at a token to read its numbers. Click or press Enter to pin it, Esc clears the pins.")];
  }
  const head = el("span", { class: "ro token" }, tokenChip(model.shown(i)), el("small", {}, `#${i}`));
  if (!model.isScored(i)) return [head, el("span", { class: "hint" }, "Not scored: a token without a prefix has nothing to be predicted from.")];
  const side = (name) =>
    el("span", { class: `ro ${name}` }, el("small", {}, name),
      field(`${name}_probability`, model.at(`${name}_probability`, i)), el("small", {}, "rank"), field(`${name}_rank`, model.at(`${name}_rank`, i)));
  const rest = READ.map((key) => el("span", { class: "ro" }, el("small", {}, model.short(key)), field(key, model.at(key, i))));
  const own = READ.includes(metric.key)
    ? []
    : [el("span", { class: "ro" }, el("small", {}, metric.label), field(`metric.${metric.key}`, metric.values[i], metric.signed ? signed(metric.values[i]) : null))];
  return [head, side("teacher"), side("student"), ...rest, ...own];
}
