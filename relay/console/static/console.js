// What htmx does not do: ask before what cannot be undone, send a form once where it is pressed twice, choose all rows of a list, let a frame be as high as its message,
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
addEventListener("message", (event) => {   // only a number is taken from a frame, and only from one of this page
  const height = Number(event.data?.height);
  for (const frame of document.querySelectorAll("iframe.drawn:not(.small)"))
    if (frame.contentWindow === event.source && height > 0) frame.height = Math.ceil(Math.min(height, 3000));
});
// A stream says something every ten seconds. Where nothing comes for longer the page may be old, and the way to it is tried anew:
// a machine that is gone says no goodbye.
const SILENT = 30000;
let silence;
function upToDate(yes, stream) {
  document.getElementById("stale").hidden = yes;
  clearTimeout(silence);
  if (yes) silence = setTimeout(() => { upToDate(false); stream.reader?.cancel(); }, SILENT);
}
for (const [name, yes] of [["htmx:response:error", false], ["htmx:error", false], ["htmx:sse:error", false],
                           ["htmx:sse:after:connection", true], ["htmx:sse:after:message", true]])
  document.addEventListener(name, (event) => { upToDate(yes, event.detail.connection); });
document.addEventListener("htmx:sse:close", () => { clearTimeout(silence); });
document.addEventListener("visibilitychange", () => { if (document.hidden) clearTimeout(silence); });  // htmx ends it then
// One that was refused because too many are open, or that found nobody there, is asked for again, like one that ended.
for (const name of ["htmx:response:error", "htmx:error"])
  document.addEventListener(name, (event) => {
    const source = event.detail.ctx?.sourceElement, address = source?.getAttribute("hx-sse:connect");
    if (address) setTimeout(() => { if (source.isConnected) htmx.ajax("GET", address, {source}); }, SILENT);
  });
document.querySelector(".bar nav [aria-current]")?.scrollIntoView({inline: "center", block: "nearest"});
// Browsers open six connections to one host: htmx pauses the stream of a tab that gets hidden, and one that is opened behind
// others begins its own here when it is seen.
document.addEventListener("htmx:before:request", (event) => {
  const source = event.detail.ctx.sourceElement, address = source.getAttribute("hx-sse:connect");
  if (!address || !document.hidden) return;
  event.preventDefault();
  document.addEventListener("visibilitychange", () => htmx.ajax("GET", address, {source}), {once: true});
});
