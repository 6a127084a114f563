// What Python found, as numbers: every optimum with its rank, and the moments of the best against the target's.

const CUT = "On the paper's grid, mean and sd are the Gaussian's own, before the grid cuts it off at both ends; what is left on the grid has the moments shown.";
// What is left of a moment that matches is rounding, and differs from run to run.
const off = (value) => (value < 1e-9 ? `< 1e${SIGN}9` : num(value));
// A mean that is zero but for rounding is shown as zero; its exact value stands beside it.
const near = (value) => num(Math.abs(value) < 5e-7 ? 0 : value);
const listed = (values) => (values.length === 1 ? near(values[0]) : `(${values.map(near).join(", ")})`);
// Rounded, with a minus sign; what rounds to zero has none.
const fixed = (value, digits) => (Math.abs(value) < 0.5 / 10 ** digits ? 0 : value).toFixed(digits).replace("-", SIGN);
const moment = (values) => (values.length === 1 ? fixed(values[0], 2) : `(${values.map((value) => fixed(value, 2)).join(", ")})`);
const cell = (name, value, text) => el("td", {}, field(name, value, text));

function optimaTable(numbers) {
  // In the plane the grid is coarser (akl_viz/toys/mixture.py).
  const flat = numbers.target.mean.length === 1;
  const first = (loss) => el("th", { scope: "row", class: "loss" }, el("i", { class: "dot", style: { background: `var(--akl-loss-${loss.key})` } }), loss.direction);
  const failed = (loss) => (loss.failed === 0 ? [] : [el("tr", {}, first(loss), el("td", { colspan: 4 }, "failed: ended at no minimum"),
    cell(`failed.${loss.key}`, loss.failed, `${loss.failed} of ${numbers.starts}`), el("td", {}))]);
  const rows = numbers.losses.flatMap((loss) => [...loss.optima.map((one, rank) => {
    const name = `${loss.key}.${rank}`;
    return el("tr", { class: one.best ? "best" : "" }, first(loss),
      el("td", {}, `${rank + 1}, ${one.best ? "global" : "local"}`),
      cell(`value.${name}`, one.value, fixed(one.value, flat ? 4 : 3)),
      cell(`mean.${name}`, one.mean[0], listed(one.mean)), cell(`sd.${name}`, one.sd[0], listed(one.sd) + (one.correlation === null ? "" : `, ρ ${fixed(one.correlation, 2)}`)),
      cell(`starts.${name}`, one.starts, `${one.starts} of ${numbers.starts}`),
      el("td", {}, one.parts.length ? one.parts.join(", ") : "none"));
  }), ...failed(loss)]);
  const heads = ["loss", "rank", "value, nats", "mean", flat ? "sd" : "sd, correlation ρ", "starts that ended here", "parts within 2 sd"];
  const drawn = table("Optima, ranked", heads, rows);
  if (numbers.grid === "paper") drawn.append(el("p", { class: "hint" }, CUT));
  return drawn;
}

function momentTable(numbers) {
  const trace = (matrix) => (matrix.length === 1 ? [matrix[0][0]] : [matrix[0][0], matrix[0][1], matrix[1][1]]);
  const { target } = numbers;
  const rows = [el("tr", {}, el("th", { scope: "row" }, "target"), el("td", {}, moment(target.mean)), el("td", {}, moment(trace(target.second))), el("td", {}, ""), el("td", {}, ""))];
  for (const { key, direction, optima: [one] } of numbers.losses) {
    if (!one) continue;
    rows.push(el("tr", {}, el("th", { scope: "row" }, `best of ${direction}`), cell(`gridmean.${key}`, one.gridMean[0], moment(one.gridMean)),
      cell(`gridsecond.${key}`, one.gridSecond[0][0], moment(trace(one.gridSecond))), cell(`meanerror.${key}`, one.errors[0], off(one.errors[0])), cell(`seconderror.${key}`, one.errors[1], off(one.errors[1]))));
  }
  const second = target.mean.length === 1 ? "second moment E[x²]" : "second moments E[xx], E[xy], E[yy]";
  return table("Moments on the grid", ["", "mean E[x]", second, "off the target's mean by", "off its second moment by"], rows);
}

function table(title, heads, rows) {
  return el("section", {}, el("h3", {}, title), el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title },
    el("table", { class: "numbers" }, el("thead", {}, el("tr", {}, ...heads.map((text) => (text ? el("th", { scope: "col" }, text) : el("td", {}))))), el("tbody", {}, ...rows))));
}

function verdicts(numbers) {
  return numbers.verdicts.map(({ grid, key, text }) =>
    el("p", { "data-verdict": key }, numbers.verdicts.length > 1 ? el("b", {}, `On ${grid}: `) : null, text));
}
