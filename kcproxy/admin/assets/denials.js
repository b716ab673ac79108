// The list: filters and sorts while you type, and follows the proxy. Rows change where they stand; what would move them waits for a button ("3 new").
"use strict";
(() => {
  const rows = window.kcproxyRows;
  const preview = window.kcproxyPreview;
  const [list, table, live, news, shown, empty, fresh, pause, keys, form] = ["denials", "table", "live", "news", "shown", "empty", "fresh", "pause", "keys", "filter"].map((id) => document.getElementById(id));
  const MAX_KNOWN = 500;
  const LISTED = 200; // the proxy lists at most as many; if it lists fewer, there are no others
  const STREAMS = 4; // a browser has six connections to a server, for all its windows
  const ASK_MILLISECONDS = 3000;
  const REDRAW_MILLISECONDS = 60000;
  const NONE = "No denials yet. When Keycloak responds with 401 or 403 through this proxy, the denial appears here.";
  const FIELDS = ["q", "state", "service", "realm", "role", "why", "since", "sort", "order"];
  const known = new Map(); // all groups that the proxy has reported, by name
  let announced = 0;
  let said = 0;
  let paused = false;

  function query() {
    return Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value]));
  }

  function found() {
    const asked = query();
    return rows.order([...known.values()].reverse().filter((group) => rows.matches(group, asked)), asked); // of one second, the newest first
  }

  function rowOf(name) {
    return [...list.children].find((row) => row.dataset.group === name);
  }

  function keep(group) {
    known.delete(group.group);
    known.set(group.group, group);
    if (known.size > MAX_KNOWN) known.delete(known.keys().next().value);
  }

  // Puts all rows where they belong. Happens on request, or if no row is there that could move.
  function arrange() {
    const focused = document.activeElement.closest?.("tr.kind")?.dataset.group;
    const present = new Map([...list.children].map((row) => [row.dataset.group, row]));
    const arranged = found().map((group) => {
      const row = present.get(group.group) ?? rows.create(group);
      rows.fill(row, group);
      return row;
    });
    list.replaceChildren(...arranged);
    table.hidden = arranged.length === 0;
    empty.hidden = arranged.length > 0;
    empty.textContent = known.size ? "No denial matches this filter." : NONE;
    if (focused) rowOf(focused)?.querySelector("a").focus({ preventScroll: true });
    offer();
    count();
    preview.refresh();
    window.kcproxyTimes();
    return arranged.length;
  }

  // Says what a new arrangement would change.
  function count() {
    const present = new Set([...list.children].map((row) => row.dataset.group));
    const unseen = found().filter((group) => !present.has(group.group)).length;
    const gone = [...present].filter((name) => !known.has(name)).length;
    if (unseen && !present.size && !paused) return arrange();
    shown.textContent = `${present.size} of ${Math.max(known.size, present.size)} kinds of denial`;
    fresh.hidden = !unseen && !gone;
    fresh.textContent = [unseen && `${unseen} new`, gone && `${gone} gone`].filter(Boolean).join(", ");
    return unseen;
  }

  function offer() {
    for (const [name, counts] of Object.entries(rows.facets(known.values()))) {
      const select = form.elements[name];
      if (name === "state" || document.activeElement === select) continue;
      const value = select.value;
      if (value && !counts.has(value)) counts.set(value, 0);
      const options = [...counts].sort().map(([text, number]) => new Option(`${text} (${number})`, text, false, text === value));
      select.replaceChildren(select.options[0], ...options);
      select.value = value;
    }
  }

  function update() {
    if (paused) return;
    for (const row of list.children) {
      const group = known.get(row.dataset.group);
      if (group) rows.fill(row, group);
    }
    preview.refresh();
    offer();
    count();
    window.kcproxyTimes();
  }

  function announce(group) {
    if (paused || Date.now() - announced < 5000) return;
    announced = Date.now();
    news.textContent = `New denial: ${rows.visible(group.summary)}`;
  }

  function state(text, on) {
    live.hidden = false;
    if (live.textContent !== text) live.textContent = text;
    live.classList.toggle("on", on);
  }

  function address() {
    const asked = Object.entries(query()).filter(([name, value]) => value && (name !== "sort" || value !== "last"));
    const address = new URLSearchParams(asked);
    if (!keys.checked) address.set("keys", "off");
    if (paused) address.set("paused", "1");
    history.replaceState(null, "", address.size ? `/?${address}` : "/");
  }

  function sort(column) {
    const { sort: before, order } = query();
    const falls = ["count", "last"].includes(column);
    const next = column !== before ? falls : (order || (falls ? "down" : "up")) !== "down";
    form.elements.sort.value = column;
    form.elements.order.value = next === falls ? "" : next ? "down" : "up";
    for (const head of table.querySelectorAll("[data-sort]")) head.removeAttribute("aria-sort");
    table.querySelector(`[data-sort="${column}"]`).setAttribute("aria-sort", next ? "descending" : "ascending");
    arrange();
    address();
  }

  function stop(value) {
    paused = value;
    pause.setAttribute("aria-pressed", String(value));
    pause.textContent = value ? "Resume" : "Pause";
    document.documentElement.toggleAttribute("data-paused", value);
    update();
    address();
  }

  const given = new URLSearchParams(location.search);
  document.getElementById("apply").hidden = true;
  pause.hidden = document.getElementById("keys-label").hidden = false;
  keys.checked = given.get("keys") !== "off";
  preview.follow((name) => known.get(name));
  if (given.has("paused")) stop(true);
  keys.addEventListener("change", address);
  pause.addEventListener("click", () => stop(!paused));
  fresh.addEventListener("click", () => {
    arrange();
    news.textContent = shown.textContent;
  });
  table.querySelector("thead").addEventListener("click", (event) => {
    const head = event.target.closest("[data-sort]");
    if (!head || !known.size || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    sort(head.dataset.sort);
  });
  form.addEventListener("submit", (event) => {
    if (known.size && arrange()) event.preventDefault(); // otherwise the proxy is asked: it also knows the ids of older denials
  });
  form.addEventListener("input", () => {
    if (!known.size) return;
    arrange();
    address();
    clearTimeout(said);
    said = setTimeout(() => { news.textContent = shown.textContent; }, 800);
  });
  setInterval(() => {
    if (!paused) for (const row of list.children) if (known.has(row.dataset.group)) rows.draw(row, known.get(row.dataset.group));
  }, REDRAW_MILLISECONDS);

  // --- following ---
  let events = null;
  let leaveSeat = null;
  let timer = 0;
  let busy = false;
  let arrived = new Set(); // groups that arrived live since the last request of the list, whose content is older

  // Everything that the proxy has, including events without a connection, and groups that the filter left out.
  async function ask(text) {
    const live = (arrived = new Set());
    let answer;
    try {
      answer = await fetch("/api/denials", { signal: AbortSignal.timeout(10000) });
      if (answer.status === 401) return ended();
      if (!answer.ok) throw new Error(String(answer.status));
      const { denials } = await answer.json();
      const listed = new Set(denials.map((group) => group.group));
      denials.reverse().filter((group) => !live.has(group.group)).forEach(keep);
      if (listed.size < LISTED) for (const name of [...known.keys()]) if (!listed.has(name) && !live.has(name)) known.delete(name);
    } catch {
      return state("connection lost, trying again", false);
    }
    update();
    state(text, true);
  }

  function ended() {
    leave();
    live.replaceChildren("logged out: ", Object.assign(document.createElement("a"), { href: "/login", textContent: "log in" }));
    live.hidden = false;
    live.classList.remove("on");
    busy = true; // no more requests
  }

  function claim(number) {
    return new Promise((done) => {
      const take = (lock) => (lock ? new Promise((release) => { done(release); }) : done(null));
      navigator.locks.request(`kcproxy-live-${number}`, { ifAvailable: true }, take).catch(() => done(null));
    });
  }

  async function seat() {
    if (!navigator.locks) return () => {}; // not a secure origin
    for (let number = 0; number < STREAMS; number += 1) {
      const release = await claim(number);
      if (release) return release;
    }
    return null;
  }

  async function follow() {
    clearTimeout(timer);
    if (busy || events || document.hidden) return;
    busy = true;
    const release = await seat();
    busy = false;
    if (document.hidden) return release?.();
    if (!release) return later(`live, every ${ASK_MILLISECONDS / 1000} s`);
    leaveSeat = release;
    events = new EventSource("/events");
    events.addEventListener("open", () => ask("live"));
    events.addEventListener("error", lost);
    events.addEventListener("denials", (event) => {
      const groups = JSON.parse(event.data);
      const unknown = groups.filter((group) => !known.has(group.group));
      for (const group of groups) {
        arrived.add(group.group);
        keep(group);
      }
      update();
      if (unknown.length) announce(unknown.at(-1));
    });
  }

  // The browser does not retry a refused stream.
  function lost() {
    state("connection lost, trying again", false);
    if (events.readyState !== EventSource.CLOSED) return;
    leave();
    later(`live, every ${ASK_MILLISECONDS / 1000} s`);
  }

  async function later(text) {
    await ask(text);
    if (!busy) timer = setTimeout(follow, ASK_MILLISECONDS);
  }

  function leave() {
    clearTimeout(timer);
    events?.close();
    events = null;
    leaveSeat?.();
    leaveSeat = null;
  }

  // A hidden tab gives up its connection for visible ones.
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : follow()));
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", follow);
  follow();
})();
