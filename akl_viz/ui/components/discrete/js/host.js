// Mounted by Streamlit: the same result goes on as it was, a new one starts at the step that was looked at.

const MOUNTED = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".akl");
  const send = (step) => setStateValue("step", step);
  const before = MOUNTED.get(root)?.animation;
  let animation = before;
  if (before && before.ver === data.ver) before.send = send;
  else {
    before?.stop();
    animation = new Animation(root, data, send, before?.kept());
  }
  const mount = { animation };
  MOUNTED.set(root, mount);
  return () => {
    if (MOUNTED.get(root) !== mount) return;
    MOUNTED.delete(root);
    animation.stop();
  };
}
