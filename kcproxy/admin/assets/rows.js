// One kind of denial as a row, and which rows are shown in which order: the same rules as kcproxy/admin/listing.py. Text is set as text, never as markup.
"use strict";
window.kcproxyRows = (() => {
  const HOURS = 24;
  const SINCE = { "15m": 900, "1h": 3600, "6h": 21600, "24h": 86400, "7d": 604800 }; // seconds
  const UNSEEN = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu; // as kcproxy/visible.py
  const SEARCHED = ["id", "summary", "what", "who", "service", "client", "why", "realm", "path", "confidence", "status", "state"];
  const STATES = ["regressed", "fails", "fixed"];
  const FACETS = ["service", "realm", "role", "why", "state"];
  const PREFIX = "/admin/realms/{realm}";
  const template = document.getElementById("item");

  function number(character) {
    return `\u27e8U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
  }

  function visible(value) {
    return String(value ?? "").replace(UNSEEN, number);
  }

  function missing(group) {
    return group.missing.join(" + ");
  }

  function values(group) {
    return { service: visible(group.service), realm: visible(group.realm), role: visible(missing(group)), why: group.why, state: group.state };
  }

  function short(what) {
    const [method, ...rest] = what.split(" ");
    const path = rest.join(" ");
    return [method, path.startsWith(PREFIX) && path !== PREFIX ? path.slice(PREFIX.length) : path];
  }

  function hour(milliseconds) {
    return Math.floor(milliseconds / 3600000);
  }

  function bars(group) {
    const shift = Math.min(Math.max(hour(Date.now()) - hour(Date.parse(group.lastAt)), 0), HOURS);
    return [...group.hours, ...Array(shift).fill(0)].slice(-HOURS);
  }

  function draw(row, group) {
    const counts = bars(group);
    const most = Math.max(...counts);
    const heights = counts.map((count) => (count ? Math.max(2, Math.round((16 * count) / most)) : 0));
    const path = heights.map((height, place) => (height ? `M${3 * place} 16v-${height}h2v${height}z` : "")).join("");
    const total = counts.reduce((sum, count) => sum + count, 0);
    row.querySelector("path").setAttribute("d", path);
    row.querySelector("svg").setAttribute("aria-label", `${total} in the last ${HOURS} hours, ${counts.at(-1)} in this one`);
  }

  function set(row, field, value) {
    const element = row.querySelector(`[data-field="${field}"]`);
    const text = visible(value);
    if (element.textContent !== text) element.textContent = text;
    return element;
  }

  function fill(row, group) {
    const [method, path] = short(group.what);
    row.dataset.group = group.group;
    row.className = `kind ${group.state}`;
    for (const name of ["state", "service", "why", "summary", "count"]) set(row, name, group[name]);
    set(row, "realm", group.realm);
    set(row, "method", method);
    set(row, "path", path);
    set(row, "missing", missing(group)).hidden = group.missing.length === 0;
    row.querySelector('[data-field="why"]').hidden = group.missing.length > 0;
    row.querySelector('[data-field="service"]').title = visible(group.who);
    const time = row.querySelector('[data-field="lastAt"]');
    time.dateTime = group.lastAt;
    const link = row.querySelector('[data-field="link"]');
    link.href = `/denials/${encodeURIComponent(group.id)}`;
    link.title = visible(group.what);
    if (row.querySelector('[data-field="instances"]')) {
      const names = (group.instances ?? []).join(", ");
      set(row, "instances", names).title = visible(names);
    }
    draw(row, group);
  }

  function create(group) {
    const row = template.content.firstElementChild.cloneNode(true);
    fill(row, group);
    return row;
  }

  function matches(group, query) {
    const found = values(group);
    if (query.state === "open" && group.state === "fixed") return false;
    if (FACETS.some((name) => query[name] && query[name] !== found[name] && !(name === "state" && query.state === "open"))) return false;
    if (SINCE[query.since] && Date.parse(group.lastAt) < Date.now() - 1000 * SINCE[query.since]) return false;
    const text = visible([...SEARCHED.map((name) => group[name]), ...group.missing].filter(Boolean).join(" ")).toLowerCase();
    return query.q.split(/\s+/).filter(Boolean).every((word) => text.includes(visible(word).toLowerCase()));
  }

  function key(group, column) {
    if (column === "count") return [group.count, group.lastAt];
    if (column === "state") return [STATES.indexOf(group.state), group.service];
    const one = { last: group.lastAt, service: group.service, what: group.what, lacks: missing(group) || group.why, realm: group.realm ?? "" };
    return [one[column]];
  }

  function order(groups, query) {
    const falls = (query.order || (["count", "last"].includes(query.sort) ? "down" : "up")) === "down";
    const compared = (a, b) => {
      const [first, second] = [key(a, query.sort), key(b, query.sort)];
      const place = first.findIndex((value, index) => value !== second[index]);
      return place < 0 ? 0 : first[place] < second[place] ? -1 : 1;
    };
    return groups.sort((a, b) => (falls ? -compared(a, b) : compared(a, b)));
  }

  function facets(groups) {
    const counts = Object.fromEntries(FACETS.map((name) => [name, new Map()]));
    for (const group of groups) {
      for (const [name, value] of Object.entries(values(group))) if (value) counts[name].set(value, (counts[name].get(value) ?? 0) + 1);
    }
    return counts;
  }

  return { create, draw, facets, fill, matches, order, visible };
})();
