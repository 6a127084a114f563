// Mounted by Streamlit. A drawing that can receive hears of every answer; any other goes on as it was while the payload
// is the same, and a new one starts from what the old one kept. What a person did is sent as one state value.

const MOUNTED = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".akl");
  const send = (value) => setStateValue(SENT, value);
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
