// Mounted by Streamlit. A drawing that can receive hears of every answer; any other goes on as it was while the payload
// is the same, and a new one starts from what the old one kept. What a person did is sent as one state value, and kept
// back while the server is away and a moment longer: a new server is asked to run the page (ui/shell.py), and where the
// two requests come together it looks for a fragment that it does not know yet, and does nothing else.

const BACK_MS = 1000;
let away = -Infinity;
const connected = () => {
  if (!document.querySelector("[data-test-connection-state=CONNECTED]")) away = performance.now();
  return performance.now() - away > BACK_MS;
};
const MOUNTED = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".akl");
  const send = (value) => {
    if (!connected()) return false;
    setStateValue(SENT, value);
    return true;
  };
  const before = MOUNTED.get(root)?.drawing;
  let drawing = before;
  if (before?.receive) {
    before.send = send;
    before.receive({ ...data });
  } else if (before && before.ver === data.ver) before.send = send;
  else {
    before?.stop();
    drawing = new Drawing(root, { ...data }, send, before?.kept());
  }
  const mount = { drawing };
  MOUNTED.set(root, mount);
  // Streamlit keeps the last of these for the end of the component, but runs one at once where newer data came
  // while the script was fetched: only the present mount may end what it drew.
  return () => {
    if (MOUNTED.get(root) !== mount) return;
    MOUNTED.delete(root);
    drawing.stop();
  };
}
