// The list updates live, and the filter works while you type. All text is set as text, never as markup.
"use strict";
(() => {
  const list = document.getElementById("denials");
  const template = document.getElementById("item");
  const live = document.getElementById("live");
  const news = document.getElementById("news");
  const shown = document.getElementById("shown");
  const empty = document.getElementById("empty");
  const form = document.getElementById("filter");
  const { q, why, open } = form.elements;
  const MAX_ITEMS = 500;
  const LISTED = 200; // the proxy lists at most as many; if it lists fewer, there are no others
  const STREAMS = 4; // a browser has six connections to a server, for all its windows
  const ASK_MILLISECONDS = 3000;
  const UNSEEN = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu; // as kcproxy/visible.py
  const SEARCHED = ["id", "summary", "what", "who", "client", "why", "realm", "path", "confidence", "status"];
  const NONE = "No denials yet. When Keycloak responds with 401 or 403 through this proxy, the denial appears here.";
  let announced = 0;
  let said = 0;

  function number(character) {
    return `\u27e8U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
  }

  function set(item, field, value) {
    const element = item.querySelector(`[data-field="${field}"]`);
    const text = String(value).replace(UNSEEN, number);
    if (element.textContent !== text) element.textContent = text;
    return element;
  }

  function fill(item, group) {
    item.dataset.group = group.group;
    item.dataset.at = group.lastAt;
    const searched = [...SEARCHED.map((name) => group[name]), ...group.missing].filter(Boolean).join(" ");
    item.dataset.text = searched.replace(UNSEEN, number).toLowerCase();
    for (const name of ["status", "why", "confidence", "summary", "what", "who", "count"]) set(item, name, group[name]);
    set(item, "times", group.count === 1 ? "time" : "times");
    set(item, "realm", group.realm ?? "");
    set(item, "missing", group.missing.join(" + "));
    for (const name of ["firstAt", "lastAt"]) item.querySelector(`[data-field="${name}"]`).dateTime = group[name];
    item.querySelector('[data-field="link"]').href = `/denials/${encodeURIComponent(group.id)}`;
    item.querySelector('[data-part="realm"]').hidden = !group.realm;
    item.querySelector('[data-part="missing"]').hidden = group.missing.length === 0;
    item.querySelector('[data-part="since"]').hidden = group.count === 1;
    item.querySelector('[data-field="resolved"]').hidden = !group.resolvedAt;
    item.classList.toggle("resolved", Boolean(group.resolvedAt));
  }

  function matches(item) {
    const words = q.value.split(/\s+/).filter(Boolean).map((word) => word.replace(UNSEEN, number).toLowerCase());
    const cause = item.querySelector('[data-field="why"]').textContent;
    return words.every((word) => item.dataset.text.includes(word)) && (!why.value || cause === why.value) && !(open.checked && item.classList.contains("resolved"));
  }

  function filter() {
    let visible = 0;
    for (const item of list.children) {
      item.hidden = !matches(item);
      visible += !item.hidden;
    }
    shown.textContent = `${visible} of ${list.children.length} denial groups`;
    empty.hidden = visible > 0;
    empty.textContent = list.children.length ? "No denial matches this filter." : NONE;
    return visible;
  }

  function offer(cause) {
    if (![...why.options].some((option) => option.value === cause)) why.append(new Option(cause, cause));
  }

  function take(group) {
    let item = [...list.children].find((one) => one.dataset.group === group.group);
    const isNew = !item;
    const moves = isNew || item.dataset.at < group.lastAt;
    if (isNew) item = template.content.firstElementChild.cloneNode(true);
    fill(item, group);
    offer(group.why);
    // An item with the focus is not moved: that would take the focus away.
    if (moves && !item.contains(document.activeElement)) {
      const older = [...list.children].find((one) => one !== item && one.dataset.at <= group.lastAt);
      list.insertBefore(item, older ?? null);
    }
    while (list.children.length > MAX_ITEMS) list.lastElementChild.remove();
    return isNew;
  }

  function announce(group) {
    if (Date.now() - announced < 5000) return;
    announced = Date.now();
    news.textContent = `New denial: ${group.summary}`;
  }

  function refresh() {
    filter();
    window.kcproxyTimes();
  }

  function state(text, on) {
    live.hidden = false;
    if (live.textContent !== text) live.textContent = text;
    live.classList.toggle("on", on);
  }

  function address() {
    const query = new URLSearchParams();
    if (q.value) query.set("q", q.value);
    if (why.value) query.set("why", why.value);
    if (open.checked) query.set("open", "1");
    history.replaceState(null, "", query.size ? `/?${query}` : "/");
  }

  form.querySelector("button").hidden = true;
  form.addEventListener("submit", (event) => {
    if (filter()) event.preventDefault(); // otherwise the proxy is asked: it also knows the ids of older denials
  });
  form.addEventListener("input", () => {
    filter();
    address();
    clearTimeout(said);
    said = setTimeout(() => { news.textContent = shown.textContent; }, 800);
  });

  // --- following ---
  let events = null;
  let leaveSeat = null;
  let timer = 0;
  let busy = false;
  let fresh = new Set(); // groups that arrived live since the last request of the list, whose content is older

  // Everything that the proxy has, including events without a connection, and groups that the filter left out.
  async function ask(text) {
    const live = (fresh = new Set());
    let answer;
    try {
      answer = await fetch("/api/denials", { signal: AbortSignal.timeout(10000) });
      if (answer.status === 401) return ended();
      if (!answer.ok) throw new Error(String(answer.status));
      const { denials } = await answer.json();
      const known = new Set(denials.map((group) => group.group));
      denials.reverse().filter((group) => !live.has(group.group)).forEach(take);
      if (known.size < LISTED) for (const item of [...list.children]) if (!known.has(item.dataset.group) && !live.has(item.dataset.group)) item.remove();
    } catch {
      return state("connection lost, trying again", false);
    }
    refresh();
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
      for (const group of groups) fresh.add(group.group);
      const unknown = groups.filter(take);
      refresh();
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
