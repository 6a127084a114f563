// The three bar panels of a position card. Widths are geometry of the packed numbers.

const ROW = 22;
const CURVE = 56;
// Half the width of the name of mu, and the room below the line that it names.
const MU_HALF = 18, MU_BELOW = 14;

function tokenCell(row) {
  const cell = el("span", { class: "tok", title: row.label });
  appendToken(cell, row.label);
  return cell;
}

function restCell(rest) {
  return el("span", { class: "tok others" }, field("others", rest.others), " others");
}

function rowClass(row) {
  return "row" + (row.inHead ? " head" : "") + (row.observed ? " observed" : "");
}

// Linear from zero, or logarithmic from the decade below the smallest positive number shown.
function probabilityScale(rows, log) {
  const values = rows.flatMap((row) => [row.teacher, row.student]);
  const top = Math.max(...values, 1e-300);
  if (!log) return { width: (p) => p / top, low: "0", high: num(top) };
  const least = Math.min(...values.filter((p) => p > 0), 0.1);
  const floor = Math.max(-12, Math.floor(Math.log10(least)) - 1);
  return { width: (p) => (p > 0 ? Math.max(0, 1 - Math.log10(p) / floor) : 0), low: `1e${num(floor)}`, high: "1" };
}

function bar(kind, share) {
  const cut = share > 1;
  return el("i", { class: `bar ${kind}${cut ? " cut" : ""}`, style: { width: `${100 * Math.min(1, share)}%` } });
}

function probabilityPanel(model, i, log) {
  const rows = model.rows(i), rest = model.rest(i);
  const scale = probabilityScale(rows, log);
  const line = (kind, cell, p, q, prefix) => el("div", { class: kind, role: "row", "data-slot": prefix },
    el("span", { role: "rowheader" }, cell),
    el("span", { class: "pair", role: "cell" }, bar("teacher", scale.width(p)), bar("student", scale.width(q))),
    el("span", { role: "cell" }, field(`${prefix}.teacher`, p, null, "teacher")),
    el("span", { role: "cell" }, field(`${prefix}.student`, q, null, "student")),
    el("span", { role: "presentation" }));
  const table = el("div", { role: "table", "aria-label": "Probabilities of the likeliest next tokens" },
    el("div", { class: "row th", role: "row" }, el("span", { role: "columnheader" }, "next token"),
      el("span", { class: "axis", role: "columnheader" }, el("small", {}, scale.low), el("small", {}, scale.high)),
      el("span", { role: "columnheader" }, "teacher"), el("span", { role: "columnheader" }, "student"),
      el("span", { role: "columnheader", title: "cumulative teacher mass" }, "Σ teacher")),
    el("div", { class: "body", role: "rowgroup" },
      ...rows.map((row, k) => line(rowClass(row), tokenCell(row), row.teacher, row.student, `row.${k}`)),
      line("row rest", restCell(rest), rest.teacher, rest.student, "rest")));
  return el("div", { class: "panel" }, table, curve(model, i, rows));
}

// In words which tokens are the head, for either rule; the likeliest token is in it whatever its mass.
function headName(model, i) {
  const size = model.at("head_size", i), mass = model.table.head_mass[i];
  const rule = model.boundary === "reach"
    ? `the fewest that reach μ = ${model.mu}`
    : mass > model.mu ? `beyond μ = ${model.mu} by itself` : `the most that stay within μ = ${model.mu}`;
  return `Cumulative teacher mass; the head is the likeliest ${size === 1 ? "token" : `${num(size)} tokens`}, mass ${num(mass)}, ${rule}`;
}

// The teacher's cumulative mass, drawn as far as the rows leave no token out, and the mu line it crosses.
function curve(model, i, rows) {
  const full = [];
  for (const row of rows) {
    if (row.slot !== full.length || row.slot >= model.table.top) break;
    full.push(row);
  }
  const height = ROW * (rows.length + 1);
  const x = (mass) => (2 + Math.min(1, mass) * (CURVE - 4)).toFixed(1);
  const points = full.map((row, k) => `${x(row.cumulative)},${(k + 0.5) * ROW}`);
  const dots = full.map((row, k) => svg("circle", { cx: x(row.cumulative), cy: (k + 0.5) * ROW, r: 1.8 }, svg("title", {}, num(row.cumulative))));
  const mu = x(model.mu);
  return svg("svg", { class: "curve", width: CURVE, height, viewBox: `0 0 ${CURVE} ${height}`, role: "img", "aria-label": headName(model, i) },
    svg("line", { class: "mu", x1: mu, x2: mu, y1: 0, y2: height - MU_BELOW }),
    svg("polyline", { class: "mass", points: [`${x(0)},0`, ...points].join(" ") }), ...dots,
    svg("text", { x: Math.min(CURVE - MU_HALF, Math.max(MU_HALF, mu)), y: height - 4, "text-anchor": "middle" }, `μ ${model.mu}`));
}

function diverging(value, lo, hi, kind) {
  const span = hi - lo || 1;
  const end = Math.min(hi, Math.max(lo, value));
  const from = (Math.min(0, end) - lo) / span, to = (Math.max(0, end) - lo) / span;
  return el("i", { class: `bar ${kind}`, style: { left: `${100 * from}%`, width: `${100 * (to - from)}%` } });
}

function track(lo, hi, ...bars) {
  return el("span", { class: "track", style: { "--zero": `${(100 * (0 - lo)) / (hi - lo || 1)}%` } }, ...bars);
}

function bounds(values) {
  const finite = values.filter(Number.isFinite);
  return [Math.min(0, ...finite), Math.max(0, ...finite)];
}

function termPanel(model, i) {
  const rows = model.rows(i), rest = model.rest(i);
  const [lo, hi] = bounds([...rows, rest].flatMap((row) => [row.forward, row.reverse]));
  const cells = (row, prefix) => ["forward", "reverse"].flatMap((way) => [
    el("span", { role: "cell" }, track(lo, hi, diverging(row[way], lo, hi, `loss-${way}_kl`))),
    el("span", { role: "cell" }, field(`${prefix}.${way}`, row[way]))]);
  const total = (key) => [el("span", { role: "presentation" }, "sum"), el("span", { role: "cell" }, field(`sum.${key}`, model.at(key, i)))];
  return el("div", { class: "panel terms", role: "table", "aria-label": `Contributions of each token to ${model.short("forward_kl")} and ${model.short("reverse_kl")}, nats` },
    el("div", { class: "row th", role: "row" }, el("span", { role: "columnheader" }, "next token"),
      el("span", { class: "wide", role: "columnheader" }, `to ${model.short("forward_kl")}, nats`), el("span", { class: "wide", role: "columnheader" }, `to ${model.short("reverse_kl")}, nats`)),
    el("div", { class: "body", role: "rowgroup" },
      ...rows.map((row, k) => el("div", { class: rowClass(row), role: "row" }, el("span", { role: "rowheader" }, tokenCell(row)), ...cells(row, `term.${k}`))),
      el("div", { class: "row rest", role: "row" }, el("span", { role: "rowheader" }, restCell(rest)), ...cells(rest, "term.rest"))),
    el("div", { class: "row total", role: "row" }, el("span", { role: "presentation" }), ...total("forward_kl"), ...total("reverse_kl")));
}

// Gradient descent moves a logit by minus the gradient: the bars show that step.
function pushPanel(model, i) {
  const rows = model.pushes(i);
  const size = Math.max(1e-12, ...rows.flatMap((row) => row.gradients.map(Math.abs)).filter(Number.isFinite));
  const line = (row, k) => el("div", { class: "push", role: "row" },
    el("span", { role: "rowheader" }, tokenCell(row)),
    el("span", { role: "cell" }, track(-size, size, ...model.losses.map(([key]) => diverging(-row.gradients[model.losses.findIndex((loss) => loss[0] === key)], -size, size, `loss-${key}`)))),
    ...model.losses.map(([key], n) => el("span", { role: "cell", class: "step" }, field(`gradient.${k}.${key}`, row.gradients[n], signed(0 - row.gradients[n])))));
  const names = model.losses.map(([key, label]) => el("span", { role: "columnheader" }, el("i", { class: `dot loss-${key}` }), label));
  return el("section", { class: "pushes" },
    el("h4", {}, "Which way each loss pushes this student ", el("small", {}, "step on the logit = −\u2060gradient")),
    el("div", { class: "panel", role: "table", "aria-label": "Step on the student’s logit, minus the gradient" },
      el("div", { class: "push th", role: "row" }, el("span", { role: "columnheader" }, "logit of"),
        el("span", { class: "axis", role: "columnheader" }, el("small", {}, "← lower"), el("small", {}, "raise →")), ...names),
      ...rows.map(line)));
}
