// Mounted by Streamlit: the same payload keeps what the user did, a new one starts from its own initial state.

const INSPECTORS = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".akl");
  const send = (view) => setStateValue("view", view);
  const before = INSPECTORS.get(root);
  if (before && before.ver === data.ver) before.send = send;
  else INSPECTORS.set(root, new Inspector(root, data, send, before?.kept()));
}
