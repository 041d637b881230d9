const form = document.getElementById("choice");
const said = document.getElementById("said");
let newest = 0;

// The parts of the page that the choice and the files change, fetched anew; the form keeps the focus.
async function renew(why) {
  const mine = ++newest;
  const address = `?${new URLSearchParams(new FormData(form))}`;
  history.replaceState(null, "", address);
  try {
    const answer = await fetch(address);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== newest) return;
    if (!page.getElementById("shown")) {   // a sample that is none, for as long as it is being written
      said.textContent = page.querySelector("[role=alert]").textContent;
      return;
    }
    for (const id of ["shown", "beside"]) document.getElementById(id).replaceWith(page.getElementById(id));
    narrow();
    said.textContent = `${why} ${new Date().toLocaleTimeString()}`;
  } catch { said.textContent = "relay does not answer: start it again"; }
}

function narrow() {
  const filter = document.getElementById("filter");
  filter.value = filter.value || narrow.text || "";
  for (const row of document.querySelectorAll("#variables tbody tr"))
    row.hidden = !row.textContent.toLowerCase().includes(filter.value.toLowerCase());
}

form.addEventListener("change", () => renew("Shown"));
form.addEventListener("submit", (event) => { event.preventDefault(); renew("Shown"); });
document.addEventListener("input", (event) => {
  if (event.target.id === "filter") { narrow.text = event.target.value; narrow(); }
});
addEventListener("message", (event) => {   // a frame says how high its message is
  for (const frame of document.querySelectorAll("iframe"))
    if (frame.contentWindow === event.source && event.data?.height > 0) frame.style.height = `${Math.min(event.data.height, 6000)}px`;
});
const changes = new EventSource("/changes");
changes.onmessage = (event) => renew(event.data);
changes.onerror = () => { said.textContent = "relay does not answer: start it again"; };
