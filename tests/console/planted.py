"""What hostile words have brought into a page: looked for in a browser, as it reads and runs the page.

`BEGIN` is what every page has to begin with (`Browser.begin_with`); then `signs` are of what ran, or wanted to.
"""

BEGIN = """
window.signs = [];
window.ran = (name) => { signs.push(`ran: ${name}`); };
window.alert = window.confirm = window.prompt = (text) => { signs.push(`dialog: ${text}`); };
addEventListener("securitypolicyviolation", (event) =>
  signs.push(`against the policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""

# `planted(page)` names what has no business in a page of the console; `read(addresses)` asks for pages, and answers of
# each [address, status, what is planted, where it leads].
LOOK = """
{
  const FETCHING = ["href", "src", "action", "formaction", "xlink:href", "srcset", "data", "poster", "background"];
  const ASKING = {"hx-sse:connect": /^\\/console\\/live\\//, "hx-get": /^\\/console\\/templates?(\\?|$)/,
    "hx-trigger": /^(load delay:2s|toggle)$/, "hx-select": /^#(checked|v-\\w+)$/, "hx-target": /^this$/,
    "hx-swap": /^(innerMorph|outerHTML)$/};
  // No script runs in a frame but relay's own that draws Slack's messages: its policy names that one.
  const DRAWING = new RegExp("^/console/(template/html\\\\?(.*&)?channel=slack(&|$)|" +
    "(message|destination/digest)/html\\\\?)");
  const closed = (frame) => frame.hasAttribute("sandbox") &&
    (frame.sandbox.length === 0 ||
      (frame.sandbox.value === "allow-scripts" && DRAWING.test(frame.getAttribute("src"))));
  const NEVER = "base, object, embed, style, math, template, frame, frameset, audio, video, img, foreignObject, use";
  const own = (address) => address.origin === location.origin && /^\\/console(\\/|$)/.test(address.pathname);
  const leads = (element, value) => {
    const address = URL.parse(value, location.origin + "/console/now");
    if (!address) return false;
    if (own(address)) return true;
    return element.localName === "a" && element.rel === "noreferrer" && address.origin === "https://acme.slack.com";
  };
  window.planted = (page) => {
    const faults = [...page.querySelectorAll(NEVER)].map((element) => `<${element.localName}>`);
    for (const element of page.querySelectorAll("*")) {
      for (const {name, value} of element.attributes) {
        if (/^on|^style$|^srcdoc$|planted|script/.test(name)) faults.push(`${element.localName} ${name}`);
        if (/^(data-)?hx-|^sse-|^data-sse/.test(name) && !ASKING[name]?.test(value)) faults.push(`${name}=${value}`);
        if (FETCHING.includes(name) && !leads(element, value)) faults.push(`${name}=${value}`);
        if (name === "http-equiv") faults.push(`${name}=${value}`);
      }
      if (element.localName === "iframe" && !closed(element)) faults.push("an open frame");
      if (element.localName === "script" && !/^\\/console\\/static\\/[\\w./-]+\\.js$/.test(element.getAttribute("src")))
        faults.push(`a script: ${element.text}`);
    }
    if (page.querySelectorAll("main, body, head, footer").length !== 4) faults.push("parts that come twice");
    return faults;
  };
  window.parsed = (text) => new DOMParser().parseFromString(text, "text/html");
  window.read = (addresses) => Promise.all(addresses.map(async (address) => {
    const response = await fetch(address), html = /html/.test(response.headers.get("Content-Type"));
    const page = parsed(await response.text()), leading = new Set();
    for (const link of page.querySelectorAll("a[href], iframe[src]")) {
      const next = URL.parse(link.getAttribute("href") ?? link.getAttribute("src"), location.origin + address);
      if (next && own(next) && !next.searchParams.has("lang")) leading.add(next.pathname + next.search);
    }
    return [address, response.status, html ? planted(page) : [], [...leading]];
  }));
  undefined;
}
"""
