const files = JSON.parse(document.getElementById("files").textContent);
const form = document.getElementById("choice");

function show() {
  const choice = Object.fromEntries(new FormData(form));
  document.getElementById("shown").className = choice.width;
  for (const part of document.querySelectorAll("section[data-channel]")) {
    const frame = part.querySelector("iframe"), missing = part.querySelector(".empty");
    const file = files[[choice.message, choice.language, choice.fixture, part.dataset.channel, choice.scheme].join(" ")];
    frame.hidden = !file; missing.hidden = !!file;
    if (file) frame.src = file;
    part.querySelector(".file").textContent = file || "";
  }
}
addEventListener("message", (event) => {   // a frame says how high its message is
  for (const frame of document.querySelectorAll("iframe"))
    if (frame.contentWindow === event.source && event.data?.height > 0) frame.style.height = `${Math.min(event.data.height, 6000)}px`;
});
form.addEventListener("change", show);
form.addEventListener("submit", (event) => event.preventDefault());
show();
