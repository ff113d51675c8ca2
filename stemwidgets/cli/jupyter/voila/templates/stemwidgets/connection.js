// Tells when the server or this page's kernel has ended, and tells the server when the page is left.
(() => {
  const EVERY = 3000; // ms between questions
  const config = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  const own = config.servedByStemwidgets; // and else by a Voila that was started by hand
  const alive = `${config.baseUrl}${own ? "stemwidgets/alive" : "api/kernels"}/${config.kernelId}`;
  const farewell = `${config.baseUrl}voila/api/shutdown/${config.kernelId}`;
  const banner = document.getElementById("ended");
  let failures = 0;

  function show(words, again) {
    banner.hidden = !words;
    if (banner.firstChild.textContent === words) return;
    banner.replaceChildren(Object.assign(document.createElement("span"), { textContent: words }));
    if (!again) return;
    const button = Object.assign(document.createElement("button"), { textContent: "Load again" });
    button.addEventListener("click", () => location.reload());
    banner.append(button);
  }

  async function ask() {
    try {
      const answer = await fetch(alive, { cache: "no-store" });
      failures = 0;
      const there = answer.ok ? await answer.json() : own || answer.status !== 404 ? null : false;
      if (there) show("", false);
      else if (there === null) show("Another server answers here. Open the address that it printed.", false);
      else show("This page has lost its scan: its kernel has ended. Load it again to go on from what was kept.", true);
    } catch {
      failures += 1; // one may be a line that comes back
      if (failures > 1)
        show(`The server has ended. Start ${own ? "stemwidgets" : "it"} again, and open the address that it prints.`, false);
    }
    setTimeout(ask, EVERY);
  }

  addEventListener("pagehide", () => {
    const token = document.cookie.match(/\b_xsrf=([^;]*)/); // Voila asks for it
    navigator.sendBeacon(token ? `${farewell}?_xsrf=${token[1]}` : farewell);
  });
  setTimeout(ask, EVERY);
})();
