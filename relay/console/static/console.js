// What htmx does not do: ask before what cannot be undone, and choose all rows of a list. Without it everything still works.
"use strict";
document.addEventListener("submit", (event) => {
  const text = event.target.dataset.confirm || event.submitter?.dataset.confirm;
  if (text && !window.confirm(text)) event.preventDefault();
});
document.addEventListener("change", (event) => {
  if (!event.target.matches("input[data-all]")) return;
  const boxes = event.target.closest("form, table").querySelectorAll('input[type="checkbox"]:not([data-all])');
  for (const box of boxes) box.checked = event.target.checked;
});
