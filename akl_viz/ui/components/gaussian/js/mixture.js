// Densities as curves to draw: of the mixture under the pointer, and of a student whose mean and covariance Python found.

const PAPER_GRID = { from: 0, to: 98, step: 2 };

const bell = (offset, variance) => Math.exp((-0.5 * offset * offset) / variance) / Math.sqrt(2 * Math.PI * variance);

function mixture(parts) {
  const total = parts.reduce((sum, part) => sum + part[part.length - 1], 0);
  if (parts[0].length === 3) return (x) => parts.reduce((sum, [mean, sd, weight]) => sum + (weight / total) * bell(x - mean, sd * sd), 0);
  return (x, y) => parts.reduce((sum, [mx, my, sx, sy, weight]) => sum + (weight / total) * bell(x - mx, sx * sx) * bell(y - my, sy * sy), 0);
}

// On the paper's grid a distribution is what its points hold: probability per point, divided by their distance.
function onGrid(curve, grid) {
  if (grid !== "paper") return curve;
  let mass = 0;
  for (let x = PAPER_GRID.from; x <= PAPER_GRID.to; x += PAPER_GRID.step) mass += curve(x) * PAPER_GRID.step;
  return (x) => (mass > 0 ? curve(x) / mass : 0);
}

// Segments of the level lines of a function over a rectangle, cell by cell.
function contour(values, columns, rows, level, at) {
  const found = [];
  const cross = (a, b, va, vb) => { const t = (level - va) / (vb - va); return at(a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])); };
  for (let j = 0; j + 1 < rows; j++) {
    for (let i = 0; i + 1 < columns; i++) {
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
      const here = corners.map(([x, y]) => values[y * columns + x]);
      const ends = [];
      for (let k = 0; k < 4; k++) {
        const next = (k + 1) % 4;
        if (here[k] < level !== here[next] < level) ends.push(cross(corners[k], corners[next], here[k], here[next]));
      }
      for (let k = 0; k + 1 < ends.length; k += 2) found.push(`M${ends[k]}L${ends[k + 1]}`);
    }
  }
  return found.join("");
}
