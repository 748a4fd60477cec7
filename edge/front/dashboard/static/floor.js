// Keeps the page as the hall is. What a tile says is decided by the server; here it is only put in place, as text.
"use strict";
(() => {
  const floor = document.getElementById("floor");
  const lost = document.getElementById("cut-off");
  const age = document.getElementById("age");
  let heard = Date.now();
  let source = null;

  const put = (element, text) => {
    if (element && element.textContent !== text) element.textContent = text;
  };

  const showTile = (tile) => {
    const places = document.querySelectorAll(`[data-asset="${CSS.escape(tile.asset)}"]`);
    for (const place of places) {
      for (const part of place.querySelectorAll("[data-f]")) {
        if (part.closest("[data-asset]") === place) put(part, String(tile[part.dataset.f] ?? ""));
      }
      if (!place.classList.contains("tile")) continue;
      const before = ["on", "attention", "off", "unknown"].find((state) => place.classList.contains(state));
      if (before !== tile.state) {
        place.classList.remove(before);
        place.classList.add(tile.state, "fresh");
        setTimeout(() => place.classList.remove("fresh"), 1300);
      }
    }
    return places.length > 0;
  };

  const showTop = (top) => {
    for (const part of document.querySelectorAll("[data-top]")) put(part, String(top[part.dataset.top] ?? ""));
    age.dataset.connected = top.connected ? "yes" : "no";
    const away = document.getElementById("books-away");
    if (away && top.connected) away.hidden = true;
    const banner = document.getElementById("banner");
    if (banner) {
      banner.hidden = !(top.banner || {}).shown;
      for (const part of banner.querySelectorAll("[data-banner]")) put(part, String((top.banner || {})[part.dataset.banner] ?? ""));
    }
    for (const line of top.lines) {
      const place = document.querySelector(`[data-line="${CSS.escape(line.name)}"]`);
      if (!place) continue;
      place.className = `line ${line.state}`;
      put(place.querySelector(".shape"), line.shape);
      put(place.querySelector(".count"), `${line.up}/${line.machines}`);
      put(place.querySelector(".why"), line.error || (line.state === "up" ? "" : line.state));
    }
  };

  const showEvents = (events) => {
    const list = document.getElementById("events");
    if (!list) return;
    for (const event of events) {
      const row = document.createElement("li");
      row.className = ["alarm", "high", "normal", "low"].includes(event.priority) ? event.priority : "normal";
      for (const [tag, text] of [["time", event.time], ["span", event.text]]) {
        const part = document.createElement(tag);
        part.textContent = text;
        row.append(part, " ");
      }
      list.prepend(row);
    }
    while (list.children.length > 15) list.lastElementChild.remove();
  };

  const showPicture = (picture) => {
    if (picture.top) showTop(picture.top);
    if (picture.events) showEvents(picture.events);
    if (!floor) {
      for (const tile of picture.tiles || []) showTile(tile);
      return;
    }
    // A machine that this page does not have yet, or has no more: draw it anew, on the server.
    const known = new Set([...floor.querySelectorAll("[data-asset]")].map((one) => one.dataset.asset));
    const told = (picture.tiles || []).map((tile) => tile.asset);
    const strange = told.some((asset) => !known.has(asset)) || (picture.whole && told.length !== known.size);
    if (strange) location.reload();
    else for (const tile of picture.tiles || []) showTile(tile);
  };

  const connect = () => {
    source = new EventSource("/api/v1/live");
    source.addEventListener("picture", (event) => {
      heard = Date.now();
      showPicture(JSON.parse(event.data));
    });
    source.addEventListener("bye", () => { heard = 0; });
    source.onerror = () => {
      // Closed for good: the session is over, or the front starts. Ask which, and try again by ourselves.
      if (source.readyState !== EventSource.CLOSED) return;
      fetch("/api/v1/status").then((answer) => {
        if (answer.status === 401) location.assign("/login");
        else setTimeout(connect, 2000);
      }, () => setTimeout(connect, 2000));
    };
  };

  // The box sends its clock every second; after three without it what is shown is old, and says so.
  setInterval(() => {
    const gone = Date.now() - heard > 3500;
    if (gone && lost.hidden) put(document.getElementById("cut-off-at"), document.querySelector("[data-top=now]").textContent);
    lost.hidden = !gone;
    document.body.classList.toggle("stale", gone);
  }, 500);

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      if (source) source.close();
    } else if (!source || source.readyState === EventSource.CLOSED) {
      connect();
    }
  });
  connect();
})();
