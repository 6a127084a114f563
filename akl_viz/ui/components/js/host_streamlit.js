// Mounted by Streamlit: the same payload keeps what the user did, a new one starts from its own initial state.

const MOUNTED = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".akl");
  const send = (view) => setStateValue("view", view);
  const before = MOUNTED.get(root)?.inspector;
  let inspector = before;
  if (before && before.ver === data.ver) before.send = send;
  else {
    before?.stop();
    inspector = new Inspector(root, data, send, before?.kept());
  }
  const mount = { inspector };
  MOUNTED.set(root, mount);
  // Streamlit keeps the last of these for the end of the component, but runs one at once where newer data came
  // while the script was fetched: only the present mount may end what it drew.
  return () => {
    if (MOUNTED.get(root) !== mount) return;
    MOUNTED.delete(root);
    inspector.stop();
  };
}
