// Stopwatches inside the page. Times are milliseconds of performance.now, from the input event to a drawn frame.

const akl = {
  // The inspector's root; it stands in a shadow tree.
  root(within = document) {
    const found = within.querySelector(".akl");
    if (found?.querySelector(".strip")) return found;
    for (const node of within.querySelectorAll("*")) {
      const deeper = node.shadowRoot && akl.root(node.shadowRoot);
      if (deeper) return deeper;
    }
    return null;
  },

  tokens() {
    return akl.root().querySelectorAll(".strip .t").length;
  },

  // Resolves after the next frame has been handed to the screen.
  frame() {
    return new Promise((resolve) => requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => resolve(performance.now());
      channel.port2.postMessage(null);
    }));
  },

  async until(condition) {
    for (let k = 0; k < 3000; k++) {
      const now = await akl.frame();
      if (condition()) return now;
    }
    throw new Error("what was waited for did not happen");
  },

  // Sets akl.clicked: a promise of the times from the next press to the pinned card and to the address.
  watchClick(index) {
    const root = akl.root();
    const card = () => root.querySelector(`.slot .card[data-index="${index}"][data-pinned=true] .where`);
    const pinned = () => new URLSearchParams(location.search).get("pins")?.split(".").at(-1) === String(index);
    if (card()) throw new Error(`token ${index} is pinned before it is clicked`);
    akl.clicked = new Promise((resolve, reject) => {
      const pressed = async (event) => {
        try {
          const shown = await akl.until(card);
          const linked = await akl.until(pinned);
          resolve({ card: shown - event.timeStamp, address: linked - event.timeStamp });
        } catch (error) {
          reject(error);
        }
      };
      window.addEventListener("pointerdown", pressed, { once: true, capture: true });
    });
  },

  async switchMetric(turn) {
    const root = akl.root();
    const select = root.querySelector("select[data-control=metric]");
    const keys = [...select.options].map((option) => option.value).filter((key) => key !== select.value);
    const classes = () => [...root.querySelectorAll(".strip .t")].map((token) => token.className).join("|");
    const before = classes();
    await akl.frame();
    const started = performance.now();
    select.value = keys[turn % keys.length];
    select.dispatchEvent(new Event("change", { bubbles: true }));
    const ended = await akl.frame();
    if (classes() === before) throw new Error(`the switch to ${select.value} changed no colour`);
    return ended - started;
  },
};
window.akl = akl;
