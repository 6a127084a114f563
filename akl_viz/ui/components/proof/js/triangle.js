// Geometry of the triangle and what lies in it: lines, arrows, paths, handles. Drawing only; numbers come from Python.

const SIDE = 480, MARGIN = 46;
const HIGH = SIDE * Math.sqrt(3) / 2;
const CORNERS = [[MARGIN, MARGIN + HIGH], [MARGIN + SIDE, MARGIN + HIGH], [MARGIN + SIDE / 2, MARGIN]];
const DASHES = { forward_kl: null, reverse_kl: "8 5", akl: "2 4", mixed_kl: "10 4 2 4" };
const SHAPES = { forward_kl: "M0-5.5A5.5 5.5 0 1 0 0 5.5A5.5 5.5 0 1 0 0-5.5Z", reverse_kl: "M-5-5H5V5H-5Z", akl: "M0-6.5L6.5 0 0 6.5-6.5 0Z", mixed_kl: "M0-6L5.5 5H-5.5Z" };

const placed = (p) => [0, 1].map((axis) => p.reduce((sum, share, token) => sum + share * CORNERS[token][axis], 0));
const colour = (loss) => `var(--akl-loss-${loss}, var(--akl-muted))`;

// A place on the screen as probabilities, at four digits: the nearest place of the triangle, a bit off its sides.
function shares([x, y], edge) {
  const top = (MARGIN + HIGH - y) / HIGH;
  const right = (x - MARGIN) / SIDE - top / 2;
  const [a, b] = nearest([1 - top - right, right, top], edge).map((share) => Math.round(1e4 * share) / 1e4);
  return [a, b, Math.round(1e4 * (1 - a - b)) / 1e4];
}

// The Euclidean projection onto the shares of at least `edge`: the largest are lowered alike until they sum to 1.
function nearest(place, edge) {
  const free = place.map((share) => share - edge), room = 1 - 3 * edge;
  const falling = [...free].sort((a, b) => b - a);
  let sum = 0, lowered = 0;
  falling.forEach((share, k) => {
    sum += share;
    if (share > (sum - room) / (k + 1)) lowered = (sum - room) / (k + 1);
  });
  return free.map((share) => Math.max(0, share - lowered) + edge);
}

function frame() {
  const parts = [svg("path", { d: `M${CORNERS.map((corner) => corner.join(" ")).join("L")}Z`, class: "side" })];
  for (const share of [0.25, 0.5, 0.75]) {
    for (let token = 0; token < 3; token += 1) {
      const ends = [1, 2].map((other) => {
        const p = [0, 0, 0];
        p[token] = share;
        p[(token + other) % 3] = 1 - share;
        return placed(p);
      });
      parts.push(svg("line", { x1: ends[0][0], y1: ends[0][1], x2: ends[1][0], y2: ends[1][1], class: "grid" }));
    }
  }
  const anchors = [["start", -30, 30], ["end", 30, 30], ["middle", 0, -14]];
  CORNERS.forEach(([x, y], token) => parts.push(
    svg("text", { x: x + anchors[token][1], y: y + anchors[token][2], "text-anchor": anchors[token][0], class: "corner" }, `t${token + 1}`)));
  return parts;
}

// Length by the square root of the speed, on one scale for all losses.
function arrows(points, steps, fastest) {
  const speed = (step) => Math.hypot(...placed(step).map((at, axis) => at - placed([0, 0, 0])[axis]));
  const parts = points.map((point, index) => {
    const step = steps[index], moved = speed(step);
    if (moved < 1e-9) return null;
    const length = 26 * Math.sqrt(moved / fastest);
    const [x, y] = placed(point), [dx, dy] = placed(step).map((one) => one / moved);
    const tip = [x + dx * length, y + dy * length], head = Math.min(4, length / 2);
    const wing = (turn) => [tip[0] - head * (dx + turn * dy), tip[1] - head * (dy - turn * dx)];
    return `M${x} ${y}L${tip}M${wing(0.6)}L${tip}L${wing(-0.6)}`;
  });
  return svg("path", { d: parts.filter(Boolean).join(""), class: "arrow" });
}

const fastestOf = (arrowsOf) => Math.max(1e-12, ...Object.values(arrowsOf).flat().map((step) => Math.hypot(...placed(step))));

function pathOf(loss, points) {
  return svg("path", { d: "M" + points.map((p) => placed(p).map((at) => at.toFixed(1)).join(" ")).join("L"), class: "path",
    "stroke-dasharray": DASHES[loss], style: { stroke: colour(loss) }, "data-path": loss });
}

function markOf(loss, point) {
  const [x, y] = point ? placed(point) : [0, 0];
  return svg("path", { d: SHAPES[loss] || SHAPES.forward_kl, transform: `translate(${x} ${y})`, style: { fill: colour(loss), stroke: "var(--paper)", "stroke-width": "1.5" } });
}

function glyph(loss) {
  return svg("svg", { width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" }, markOf(loss));
}
