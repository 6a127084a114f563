// Mounted by Streamlit: the same element keeps its explorer, which hears of every answer.

const MOUNTED = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".akl");
  const send = (view) => setStateValue("view", view);
  let explorer = MOUNTED.get(root)?.explorer;
  if (explorer) {
    explorer.send = send;
    explorer.receive({ ...data });
  } else explorer = new Explorer(root, { ...data }, send);
  const mount = { explorer };
  MOUNTED.set(root, mount);
  return () => {
    if (MOUNTED.get(root) !== mount) return;
    MOUNTED.delete(root);
    explorer.stop();
  };
}
