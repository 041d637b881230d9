// Nobody else may look into a frame, so it says itself how high it is.
// One that is out of sight may have no height yet, and tells it later.
const tell = () => {
  const height = Math.ceil(document.body.getBoundingClientRect().height);
  if (height && innerWidth) parent.postMessage({height: height + 2}, "*");
};
addEventListener("resize", tell);
new ResizeObserver(tell).observe(document.body);
tell();
