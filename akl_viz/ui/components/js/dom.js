// Small builders. Text enters the page through textContent and setAttribute only: tokens are untrusted.

const SVG_NS = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") for (const [key, part] of Object.entries(value)) node.style.setProperty(key, part);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined) node.append(child);
  return node;
}

function el(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes, ...children) {
  return fill(document.createElementNS(SVG_NS, name), attributes, children);
}

// A number on screen with its exact value beside it.
function field(name, value, text, kind) {
  return el("span", { class: "v" + (kind ? " " + kind : ""), "data-field": name, "data-value": exact(value) }, text ?? num(value));
}

function segmented(label, options, chosen, choose) {
  const buttons = options.map(([key, text]) =>
    el("button", { type: "button", "aria-pressed": String(key === chosen), "data-choice": key, onclick: () => choose(key) }, text));
  return el("div", { class: "seg", role: "group", "aria-label": label }, ...buttons);
}

// Append a token's text with its whitespace as glyphs that can be switched off without moving anything.
function appendToken(node, text) {
  let plain = "";
  const flush = () => { if (plain) node.append(plain); plain = ""; };
  for (const character of text) {
    const glyph = GLYPHS.get(character);
    if (glyph) {
      flush();
      node.append(el("i", { class: character === "\t" ? "g tab" : "g", "data-g": glyph }, " "));
    } else if (INVISIBLE.test(character)) {
      flush();
      node.append(el("i", { class: "odd" }, codePoint(character)));
    } else plain += character;
  }
  flush();
}
