// Runs in the page, before its own scripts: when something first stands on the screen, in milliseconds of the page's
// clock, which starts with the navigation. Playwright's own waiting looks twice a second once 0.3 s have passed.
{
  const COMPONENTS = "[data-testid^=stBidiComponent]";
  const shown = (root, css) => root?.querySelector(css)?.getClientRects().length > 0;
  const stands = (css) =>
    shown(document, css) ||
    [...document.querySelectorAll(COMPONENTS)].some((host) => shown(host.shadowRoot, css));
  const PATIENCE_MS = 120_000;
  window.akl_first = (css) =>
    new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error(`${css} never stood on the screen`)), PATIENCE_MS);
      // One frame later it has been drawn.
      const look = () =>
        requestAnimationFrame(stands(css) ? () => resolve(performance.now()) : look);
      look();
    });
  window.akl_after_click = (css) => {
    window.akl_clicked = new Promise((resolve, reject) =>
      document.addEventListener(
        "click",
        (event) => window.akl_first(css).then((seen) => resolve(seen - event.timeStamp), reject),
        { capture: true, once: true },
      ),
    );
  };
}
