// The list follows the proxy live, and the filter works while one types. All text is set as text, never as markup.
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
  let announced = 0;

  function set(item, field, text) {
    const element = item.querySelector(`[data-field="${field}"]`);
    if (element.textContent !== text) element.textContent = text;
    return element;
  }

  function fill(item, group) {
    item.dataset.group = group.group;
    for (const name of ["status", "why", "confidence", "summary", "what", "who", "count"]) set(item, name, String(group[name]));
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
    const text = item.textContent.toLowerCase();
    const words = q.value.toLowerCase().split(/\s+/).filter(Boolean);
    const cause = item.querySelector('[data-field="why"]').textContent;
    return words.every((word) => text.includes(word)) && (!why.value || cause === why.value) && !(open.checked && item.classList.contains("resolved"));
  }

  function filter() {
    let visible = 0;
    for (const item of list.children) {
      item.hidden = !matches(item);
      visible += !item.hidden;
    }
    shown.textContent = `${visible} of ${list.children.length} kinds of denial`;
    empty.hidden = visible > 0;
    if (!visible && list.children.length) empty.textContent = "Nothing matches this filter.";
  }

  function offer(cause) {
    if (![...why.options].some((option) => option.value === cause)) why.append(new Option(cause, cause));
  }

  function take(group) {
    let item = [...list.children].find((one) => one.dataset.group === group.group);
    const isNew = !item;
    if (isNew) item = template.content.firstElementChild.cloneNode(true);
    fill(item, group);
    offer(group.why);
    // An item that somebody is in stays where it is: moving it would take the focus away.
    if (list.firstElementChild !== item && !item.contains(document.activeElement)) list.prepend(item);
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
    live.textContent = text;
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
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { filter(); address(); });

  const events = new EventSource("/events");
  events.addEventListener("open", async () => {
    state("live", true);
    // What happened while nobody was connected; also what the first page left out because of its filter.
    const answer = await fetch("/api/denials");
    if (!answer.ok) return;
    const { denials } = await answer.json();
    denials.reverse().forEach(take);
    refresh();
  });
  events.addEventListener("error", () => state("connection lost, trying again", false));
  events.addEventListener("denials", (event) => {
    const groups = JSON.parse(event.data);
    const fresh = groups.filter(take);
    refresh();
    if (fresh.length) announce(fresh.at(-1));
  });
})();
