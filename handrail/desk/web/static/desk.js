// The desk's page: live parts, keys, and forms that are sent until they are recorded. Text from the server comes as
// escaped HTML of our own pages; nothing here makes HTML out of text.
"use strict";

const AGAIN_MS = 2000;
const GATHER_MS = 300;
const caseId = document.body.dataset.case;

// ---- live parts -------------------------------------------------------------------------------------------------

let asking = false;
let askAgain = false;

async function refresh() {
  if (asking) { askAgain = true; return; }
  asking = true;
  try {
    const answer = await fetch(location.href, { headers: { "X-Desk-Live": "1" } });
    if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    else if (answer.status === 401) loggedOut();
  } catch { /* the stream tells when the desk is back */ }
  await new Promise((go) => setTimeout(go, GATHER_MS));
  asking = false;
  if (askAgain) { askAgain = false; refresh(); }
}

// Each part that changed is put in; where the person is with the keyboard stays.
function swap(page) {
  const at = document.activeElement?.id;
  for (const part of document.querySelectorAll("[data-live]")) {
    const name = part.dataset.live;
    const found = page.querySelector(`[data-live="${name}"]`);
    if (!found) continue;
    const inside = part.contains(document.activeElement);
    if (name !== "away" && found.innerHTML !== part.innerHTML) {
      part.replaceChildren(...found.childNodes);
      if (inside) (at && document.getElementById(at) || document.getElementById("main")).focus({ preventScroll: true });
    }
  }
  const closes = page.querySelector("[data-closes]");
  for (const fieldset of document.querySelectorAll("[data-closes]")) {
    fieldset.disabled = !closes || closes.disabled;
    for (const button of fieldset.querySelectorAll("button[name]")) {
      const now = closes?.querySelector(`button[value="${button.value}"]`);
      if (now && !fieldset.dataset.busy) button.disabled = now.disabled;
    }
  }
  tick();
}

// Whoever has typed something keeps it: they log in in another tab.
function loggedOut() {
  const typed = [...document.querySelectorAll("textarea")].some((one) => one.value.trim());
  if (!typed && !unsent) location.reload();
  else document.querySelector("[data-logged-out]").hidden = false;
}

let stream = null;
let seenQueue = null;
let seenCase = null;

function listen() {
  if (stream || document.hidden) return;
  stream = new EventSource(caseId ? `/events?case=${encodeURIComponent(caseId)}` : "/events");
  stream.addEventListener("open", () => gone(false));
  stream.addEventListener("error", () => gone(true));
  stream.addEventListener("queue", (event) => {
    if (!caseId && seenQueue !== event.data) refresh();
    seenQueue = event.data;
  });
  stream.addEventListener("case", (event) => {
    if (caseId && seenCase !== event.data) refresh();
    seenCase = event.data;
  });
  stream.addEventListener("others", (event) => looking(JSON.parse(event.data)));
  stream.addEventListener("away", (event) => away(JSON.parse(event.data)));
}

// A browser opens six streams to one address, so pages that nobody looks at have none.
function quiet() {
  stream?.close();
  stream = null;
}

function gone(isGone) {
  clearTimeout(gone.timer);
  const banner = document.querySelector("[data-gone]");
  if (!isGone) banner.hidden = true;
  else gone.timer = setTimeout(() => { if (stream && stream.readyState !== EventSource.OPEN) banner.hidden = false; }, 1500);
  if (stream && stream.readyState === EventSource.CLOSED) { quiet(); setTimeout(listen, AGAIN_MS); }
}

function looking(names) {
  const banner = document.querySelector("[data-others]");
  if (!banner) return;
  banner.hidden = names.length === 0;
  banner.textContent = `${names.join(", ")} ${names.length === 1 ? "is" : "are"} looking at this too.`;
}

function away(why) {
  const banner = document.querySelector("[data-live=away]");
  banner.hidden = why === "";
  banner.querySelector("[data-away-detail]").textContent = why;
}

// ---- time -------------------------------------------------------------------------------------------------------

function span(ms) {
  const all = Math.floor(Math.abs(ms) / 1000);
  const days = Math.floor(all / 86400), hours = Math.floor(all / 3600) % 24, minutes = Math.floor(all / 60) % 60;
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min` : `${all} s`;
}

function tick() {
  const now = Date.now();
  for (const time of document.querySelectorAll("[data-due]")) {
    const left = Number(time.dataset.due) - now;
    const text = left > 0 ? span(left) : `late ${span(left)}`;
    if (time.textContent !== text) time.textContent = text;
    time.classList.toggle("late", left <= 0);
    time.classList.toggle("soon", left > 0 && left < 600000);
  }
  for (const time of document.querySelectorAll("time[data-local]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.dateTime;
    time.textContent = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    time.removeAttribute("data-local");
  }
  for (const since of document.querySelectorAll("[data-since]")) since.textContent = span(now - Number(since.dataset.since));
}

// ---- forms: sent until they are recorded, always as the same event -----------------------------------------------

let unsent = 0;

async function send(form, button) {
  if (form.dataset.busy) return;
  form.dataset.busy = "1";
  unsent += 1;
  const at = form.elements.at;
  if (at && !at.value) at.value = String(Date.now());
  const body = new URLSearchParams(new FormData(form, button));
  const buttons = [...form.querySelectorAll("button")].filter((one) => !one.disabled);
  const texts = [...form.querySelectorAll("textarea, input")];
  for (const one of buttons) one.disabled = true;
  for (const one of texts) one.readOnly = true;
  try {
    const answer = await untilRecorded(form, body);
    if (answer.redirected) { unsent -= 1; location.assign(answer.url); return; }
    refused(form, answer, await answer.text());
  } finally {
    unsent -= unsent ? 1 : 0;
    for (const one of buttons) one.disabled = false;
    for (const one of texts) one.readOnly = false;
    if (at) at.value = "";
    delete form.dataset.busy;
  }
}

async function untilRecorded(form, body) {
  for (let tried = 1; ; tried += 1) {
    say(form, tried === 1 ? "Sending …" : `Not recorded yet. Your text is kept; tried ${tried} times …`);
    try {
      const answer = await fetch(form.action, { method: "POST", body });
      if (answer.status === 401) say(form, "Log in again in another tab; your text is kept, and sent then.");
      else if (answer.status === 403 && (await renewed(body))) continue;
      else if (answer.status !== 429 && answer.status < 500) return answer;
    } catch {
      say(form, "The desk does not answer. Your text is kept; it is tried again …");
    }
    await new Promise((go) => setTimeout(go, AGAIN_MS));
  }
}

// After a new login in another tab this page has another token.
async function renewed(body) {
  const answer = await fetch(location.href, { headers: { "X-Desk-Live": "1" } });
  if (!answer.ok) return false;
  const token = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("input[name=csrf]")?.value;
  if (!token || token === body.get("csrf")) return false;
  body.set("csrf", token);
  for (const field of document.querySelectorAll("input[name=csrf]")) field.value = token;
  return true;
}

function say(form, text) {
  const place = form.querySelector("[data-sending]") || document.querySelector("[data-sending]");
  if (place && place.textContent !== text) place.textContent = text;
}

// The server's page with what is wrong, in place of this one; what was typed is in it.
function refused(form, answer, text) {
  if (!(answer.headers.get("content-type") || "").startsWith("text/html")) {
    let why = "";
    try { why = JSON.parse(text).error; } catch { /* not from us */ }
    say(form, `That did not count${why ? `: ${why}` : ""}.`);
    return;
  }
  const main = new DOMParser().parseFromString(text, "text/html").getElementById("main");
  if (main) document.getElementById("main").replaceWith(document.adoptNode(main));
  (document.querySelector("[data-alert]") || document.getElementById("main")).focus();
  tick();
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-sends]")) return;
  event.preventDefault();
  // Enter in a field is no answer: only a button that says which one is.
  if (event.target.matches("[data-answer]") && !event.submitter?.name) return;
  send(event.target, event.submitter);
});
addEventListener("beforeunload", (event) => { if (unsent) event.preventDefault(); });

// ---- keys -------------------------------------------------------------------------------------------------------

const OFF = "handrail.keys.off";
const typing = (target) => target.matches("input:not([type=radio]):not([type=checkbox]), textarea, select");

function step(by) {
  const rows = [...document.querySelectorAll("a.row")];
  const at = rows.findIndex((row) => row.closest("tr").contains(document.activeElement));
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1);
  rows[next]?.focus();
}

function claim() {
  const row = document.activeElement?.closest("tr");
  (row || document.querySelector(".claim") || document.createElement("p")).querySelector("[data-claim]")?.click();
}

function press(key) {
  if (key === "j") return step(1);
  if (key === "k") return step(-1);
  if (key === "c") return claim();
  if (key === "?") return document.getElementById("keys").showModal();
  const found = [...document.querySelectorAll("[data-key-focus]")].find((one) => one.dataset.keyFocus === key);
  if (found) { found.focus(); return true; }
  const link = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
  return link ? link.click() : false;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && typing(event.target)) { event.target.blur(); document.getElementById("main").focus(); return; }
  if (typing(event.target)) return;
  if (localStorage.getItem(OFF) && event.key !== "?") return;
  if (press(event.key) !== false) event.preventDefault();
});

document.addEventListener("click", (event) => {
  const opens = event.target.closest("[data-opens]");
  if (opens) document.getElementById(opens.dataset.opens).showModal();
});

const keysOn = document.querySelector("[data-keys-on]");
if (keysOn) {
  keysOn.checked = !localStorage.getItem(OFF);
  keysOn.addEventListener("change", () => keysOn.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1"));
}

for (const choice of document.querySelectorAll(".filters select")) {
  choice.addEventListener("change", () => choice.form.requestSubmit());
}

// ---- begin ------------------------------------------------------------------------------------------------------

document.addEventListener("visibilitychange", () => document.hidden ? quiet() : (listen(), refresh()));
addEventListener("pagehide", quiet);
addEventListener("pageshow", () => listen());
tick();
setInterval(tick, 1000);
