// The text as tokens: built once per page of tokens, recoloured by class.

const SIDES = { teacher: "p", student: "n", neutral: "u" };

function levelClass(metric, level) {
  if (level === 0) return "t";
  const side = metric.signed ? (level > 0 ? SIDES.teacher : SIDES.student) : SIDES.neutral;
  return `t ${side}${Math.abs(level)}`;
}

function tokenName(model, i) {
  const name = spoken(model.shown(i));
  if (!model.isScored(i)) return `${name}, not scored: no prefix`;
  const both = `teacher ${num(model.at("teacher_probability", i))}, student ${num(model.at("student_probability", i))}`;
  const gaps = `head gap ${num(model.at("head_gap", i))}, tail gap ${num(model.at("tail_gap", i))}`;
  return `${name}, ${both}, ${gaps}, weight of KL(T‖S) ${num(model.at("weight_forward", i))}`;
}

class Strip {
  constructor(model, app) {
    this.model = model;
    this.app = app;
    this.node = el("div", {
      class: "strip", role: "listbox", "aria-multiselectable": "true", "aria-orientation": "horizontal",
      "aria-label": "Tokens of the text. Arrow keys move, Enter pins, Escape clears the pins.",
    });
    this.tokens = [];
    this.current = -1;
    this.hot = -1;
    const index = (event) => {
      const token = event.target instanceof Element ? event.target.closest(".t") : null;
      return token ? Number(token.dataset.i) : null;
    };
    this.node.addEventListener("click", (event) => {
      const i = index(event);
      if (i === null || !this.collapsed()) return;
      this.focus(i);
      app.toggle(i);
    });
    this.node.addEventListener("pointerover", (event) => { if (event.pointerType !== "touch") app.hover(index(event)); });
    this.node.addEventListener("pointerleave", () => app.hover(null));
    this.node.addEventListener("focusin", (event) => app.focused(index(event)));
    this.node.addEventListener("focusout", () => app.focused(null));
    this.node.addEventListener("keydown", (event) => this.key(event));
    this.node.addEventListener("copy", (event) => this.copy(event));
  }

  build(start, end) {
    this.start = start;
    this.tokens = [];
    const parts = document.createDocumentFragment();
    for (let i = start; i < end; i++) {
      const token = this.token(i);
      this.tokens.push(token);
      parts.append(token);
      if (this.model.pieces[i].includes("\n")) parts.append(el("br"));
    }
    this.node.replaceChildren(parts);
    this.hot = -1;
    this.current = -1;
    this.rove(start);
  }

  token(i) {
    const { model } = this;
    const token = el("span", { class: "t", role: "option", tabindex: "-1", "data-i": i, "aria-selected": "false", "aria-label": tokenName(model, i) });
    appendToken(token, model.drawn(i));
    if (model.isScored(i)) token.append(marks(model, i));
    return token;
  }

  colour(metric, range) {
    for (let k = 0; k < this.tokens.length; k++) {
      const i = this.start + k;
      this.tokens[k].className = this.model.isScored(i) ? levelClass(metric, range.levels[i]) : "t un";
    }
  }

  get(i) {
    return this.tokens[i - this.start];
  }

  mark(pins) {
    for (const token of this.node.querySelectorAll("[aria-selected=true]")) token.setAttribute("aria-selected", "false");
    for (const i of pins) this.get(i)?.setAttribute("aria-selected", "true");
  }

  heat(i, reveal) {
    this.get(this.hot)?.removeAttribute("data-hot");
    this.hot = i === null ? -1 : i;
    const token = this.get(this.hot);
    token?.setAttribute("data-hot", "");
    if (reveal && token) this.reveal(token);
  }

  // Scroll inside the strip only: the page must not jump.
  reveal(token) {
    const box = this.node;
    const top = token.offsetTop - box.offsetTop;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + token.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = top + token.offsetHeight - box.clientHeight;
  }

  rove(i) {
    this.get(this.current)?.setAttribute("tabindex", "-1");
    this.current = i;
    this.get(i)?.setAttribute("tabindex", "0");
  }

  focus(i) {
    this.rove(i);
    this.get(i)?.focus({ preventScroll: true });
    if (this.get(i)) this.reveal(this.get(i));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.start + this.tokens.length - 1;
    const moves = {
      ArrowLeft: () => Math.max(this.start, this.current - 1),
      ArrowRight: () => Math.min(last, this.current + 1),
      ArrowUp: () => this.vertical(-1),
      ArrowDown: () => this.vertical(1),
      Home: () => this.start,
      End: () => last,
    };
    if (moves[event.key]) this.focus(moves[event.key]());
    else if (event.key === "Enter" || event.key === " ") this.app.toggle(this.current);
    else if (event.key === "Escape") this.app.clear();
    else return;
    event.preventDefault();
  }

  // The token nearest in x on the next visual line.
  vertical(step) {
    const here = this.get(this.current);
    const x = here.offsetLeft + here.offsetWidth / 2;
    let line = null, best = this.current, distance = Infinity;
    for (let i = this.current + step; this.get(i); i += step) {
      const token = this.get(i);
      if (token.offsetTop === here.offsetTop) continue;
      if (line === null) line = token.offsetTop;
      if (token.offsetTop !== line) break;
      const gap = Math.abs(token.offsetLeft + token.offsetWidth / 2 - x);
      if (gap < distance) [best, distance] = [i, gap];
    }
    return best;
  }

  // The selection as a range, also where the strip lives in a shadow tree.
  range() {
    const root = this.node.getRootNode();
    const selection = root.getSelection ? root.getSelection() : document.getSelection();
    if (!selection || selection.rangeCount === 0) return null;
    if (root.getSelection || root === document || !selection.getComposedRanges) return selection.getRangeAt(0);
    const [composed] = selection.getComposedRanges({ shadowRoots: [root] });
    const range = document.createRange();
    range.setStart(composed.startContainer, composed.startOffset);
    range.setEnd(composed.endContainer, composed.endOffset);
    return range;
  }

  collapsed() {
    const range = this.range();
    return range === null || range.collapsed || !range.intersectsNode(this.node);
  }

  copy(event) {
    const range = this.range();
    if (range === null || range.collapsed) return;
    const text = this.tokens.map((token, k) => (range.intersectsNode(token) ? this.model.pieces[this.start + k] : "")).join("");
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
  }
}

function thickness(probability) {
  return Math.max(0.75, 5 * Math.sqrt(probability)).toFixed(2);
}

// Line above, line below, and the two parts of the weight bar; the token's padding makes room for them.
function marks(model, i) {
  const over = thickness(model.at("teacher_probability", i)), under = thickness(model.at("student_probability", i));
  const weight = (100 * model.at("weight_forward", i)).toFixed(1);
  return el("b", { class: "lines", style: {
    "background-size": `100% ${over}px, 100% ${under}px, ${weight}% 2px, 100% 2px`,
    "background-position": `0 ${6 - over}px, 0 calc(100% - ${12 - under}px), 0 calc(100% - 2px), 0 calc(100% - 2px)`,
  } });
}
