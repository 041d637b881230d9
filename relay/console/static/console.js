// What htmx does not do: ask before what cannot be undone, send a form once where it is pressed twice, choose all rows of a list,
// say that a page is out of date, show in a narrow window which page it is, and wait with a page's news until somebody sees it.
// Without it everything still works.
"use strict";
const TWICE = 5000, sent = new WeakMap();  // forms, with when they were: what is pressed again before the answer comes is not meant twice
document.addEventListener("submit", (event) => {
  const form = event.target, text = form.dataset.confirm || event.submitter?.dataset.confirm;
  const again = form.method === "post" && event.timeStamp - sent.get(form) < TWICE;
  if (again || (text && !window.confirm(text))) event.preventDefault();
  else sent.set(form, event.timeStamp);
});
document.addEventListener("change", (event) => {
  if (!event.target.matches("input[data-all]")) return;
  const boxes = event.target.closest("form, table").querySelectorAll('input[type="checkbox"]:not([data-all])');
  for (const box of boxes) box.checked = event.target.checked;
});
// What is asked for every few seconds waits while nobody sees it; where no answer comes the page may be old.
document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden && event.detail.ctx.sourceElement.matches('[hx-trigger^="every"]')) event.preventDefault();
});
document.addEventListener("htmx:after:request", (event) => {
  document.getElementById("stale").hidden = event.detail.ctx.response.status < 400;
});
document.addEventListener("htmx:error", () => { document.getElementById("stale").hidden = false; });
document.querySelector(".bar nav [aria-current]")?.scrollIntoView({inline: "center", block: "nearest"});
