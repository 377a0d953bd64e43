// What changes with every check, drawn in the browser: a push of the server is one short text a monitor (app/core/cell.py), and of the
// page only that monitor's parts are drawn anew. Also the clock of "12 s ago", the keys of lists, and notifications.
import { createElement as h, useEffect, useLayoutEffect, useRef, useState, useSyncExternalStore } from "react";

const BARS = 28, STEP = 6, HEIGHT = 18, SPRITE = "/icons.svg";
const WORDS = {
  up: "OK", degraded: "Degraded", down: "Down", unknown: "Unknown", unreachable: "Unreachable", maintenance: "Maintenance", paused: "Paused",
  pending: "Waiting",
};
const GLYPHS = { up: "ok", degraded: "degraded", down: "down", unknown: "unknown", unreachable: "unknown", maintenance: "paused", paused: "paused" };
// By letter of a bar: class, top and height, and what it is called.
const KINDS = {
  u: ["ok", 10, 8, "OK"], d: ["degraded", 5, 13, "degraded"], x: ["down", 0, 18, "down"], q: ["unknown", 10, 8, "unknown"],
  r: ["unknown", 10, 8, "unreachable"], m: ["paused", 16, 2, "in maintenance"],
};

// The cells of the page, in the order of its rows.
let cells = [], skewMs = 0;
const followers = new Set();
const tell = () => followers.forEach((follower) => follower());
const follow = (follower) => { followers.add(follower); return () => followers.delete(follower); };
let clock = 0;
const ticking = (follower) => {
  const stop = follow(follower);
  if (!clock) clock = setInterval(tell, 1000);
  return () => { stop(); if (!followers.size) { clearInterval(clock); clock = 0; } };
};
const nowS = () => Math.floor((Date.now() + skewMs) / 1000);
const useCell = (place) => useSyncExternalStore(follow, () => cells[place] || "", () => "");
const useText = (made) => useSyncExternalStore(ticking, made, () => "");

const read = (text) => {
  const [status = "pending", since = "0", bars = "", last = "0", ms = "-1"] = (text || "").split("|");
  return { status: status || "pending", since: +since, bars, last: +last, ms: +ms };
};

export const span = (seconds) => {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
};
const past = (at) => (at > 0 ? span(nowS() - at) : "–");

// Takes what the server pushed; draws nothing.
export const Cells = ({ texts, now }) => {
  useLayoutEffect(() => {
    if (now) skewMs = now * 1000 - Date.now();
    cells = texts || [];
    tell();
  }, [texts, now]);
  return null;
};

const mark = (name, className = "") => h("svg", { viewBox: "0 0 16 16", className: `${className} c-${name}`, "aria-hidden": "true" }, h("use", { href: `${SPRITE}#g-${name}` }));

export const Status = ({ text }) => {
  const { status } = read(text);
  const name = GLYPHS[status] || "not";
  return h("span", { className: `st c-${name}` }, mark(name, "g"), h("span", { className: "word" }, WORDS[status] || WORDS.pending));
};
export const CellStatus = ({ place }) => h(Status, { text: useCell(place) });

// One path a kind: fifty rows of twenty-eight rectangles would be most of the page.
export const CheckBars = ({ text }) => {
  const { bars, status } = read(text);
  // Just after a start the earlier checks are still being read.
  if (!bars) return h("span", { className: "s f" }, status === "up" || status === "degraded" || status === "down" ? "–" : "no check yet");
  const paths = {}, counts = {};
  const start = BARS - bars.length;
  for (let index = 0; index < bars.length; index++) {
    const kind = KINDS[bars[index]];
    if (!kind) continue;
    const [name, top, height, word] = kind, x = (start + index) * STEP;
    counts[word] = (counts[word] || 0) + 1;
    const hollow = name === "unknown";
    paths[name] = (paths[name] || "") + (hollow ? `M${x + 0.5} ${top + 0.5}h3v${height - 1}h-3z` : `M${x} ${top}h4v${height}h-4z`);
  }
  const said = Object.entries(counts).filter(([word]) => word !== "OK").map(([word, count]) => `${count} ${word}`);
  return h(
    "svg",
    { className: "bars", width: BARS * STEP, height: HEIGHT, viewBox: `0 0 ${BARS * STEP} ${HEIGHT}`, role: "img", "aria-label": `Last ${bars.length} checks: ${said.join(", ") || "all OK"}` },
    Object.entries(paths).map(([name, d]) => h("path", { key: name, d, className: `bar-${name}` })),
  );
};
export const CellBars = ({ place }) => h(CheckBars, { text: useCell(place) });

// How long something is past, counted here: "12 s".
export const Ago = ({ at }) => useText(() => past(at));
export const CellLast = ({ place }) => useText(() => past(read(cells[place]).last));
// The verdict when nothing is wrong.
export const AllWell = () => useText(() => {
  const newest = cells.reduce((found, text) => Math.max(found, read(text).last), 0);
  return newest ? `Nothing is wrong. Last check ${past(newest)} ago.` : "Nothing is known yet: the first checks are on their way.";
});

// Why a row is not well: "down 14 min", and the sentence of its incident; `quiet` while it is well.
export const CellNote = ({ place, reason, quiet }) => {
  const text = useCell(place);
  const { status, since } = read(text);
  const ago = useText(() => (since > 0 ? span(nowS() - since) : ""));
  if (status === "up" || status === "pending") return h("span", { className: "f" }, quiet);
  const begun = `${(WORDS[status] || "").toLowerCase()} ${ago}`.trim();
  const why = status === "down" || status === "degraded" ? reason : "";
  return h("span", { className: `c-${GLYPHS[status]}`, title: why || undefined }, begun, why ? h("span", { className: "m" }, ` · ${why}`) : null);
};

// A part of the page whose rows must not move while the pointer or the focus is in it.
const TOUCHED_MS = 4000;
export const Held = ({ onHold, children, ...rest }) => {
  const state = useRef({ pointer: false, focus: false, held: false, timer: 0 });
  const look = () => {
    const now = state.current, held = now.pointer || now.focus;
    if (held !== now.held) { now.held = held; onHold?.(held); }
  };
  const set = (name, value, afterMs = 0) => {
    clearTimeout(state.current.timer);
    if (!afterMs) { state.current[name] = value; look(); return; }
    state.current.timer = setTimeout(() => { state.current[name] = value; look(); }, afterMs);
  };
  useEffect(() => () => clearTimeout(state.current.timer), []);
  return h(
    "div",
    {
      ...rest,
      onPointerEnter: (event) => set("pointer", true, event.pointerType === "mouse" ? 120 : 0),
      onPointerLeave: (event) => set("pointer", false, event.pointerType === "mouse" ? 0 : TOUCHED_MS),
      onFocus: (event) => { if (event.target.matches?.(":focus-visible")) { state.current.focus = true; look(); } },
      onBlur: (event) => { if (!event.currentTarget.contains(event.relatedTarget)) { state.current.focus = false; look(); } },
    },
    children,
  );
};

// Keeps the address as what is shown, so that reload and the way back find it again. The router needs to know nothing of it.
export const Address = ({ href }) => {
  useEffect(() => {
    const [path, search = ""] = (href || "").split("?"), here = window.location, wanted = search && `?${search}`;
    if (path && path === here.pathname.replace(/(.)\/$/, "$1") && wanted !== here.search) {
      window.history.replaceState(window.history.state, "", here.pathname + wanted + here.hash);
    }
  }, [href]);
  return null;
};

// The keys of a list: / searches, j and k go through the rows (a.open), Enter is the link's own, Esc leaves the search.
export const ListKeys = ({ search }) => {
  useEffect(() => {
    let before = null;
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const at = event.target, field = document.getElementById(search);
      const typing = at.isContentEditable || /^(input|textarea|select)$/i.test(at.tagName) && at.type !== "checkbox";
      if (document.querySelector("dialog[open]")) return;
      if (event.key === "Escape" && at === field) {
        event.preventDefault();
        field.blur();
        (before?.isConnected ? before : document.querySelector("a.open"))?.focus();
        return;
      }
      if (typing) return;
      if (event.key === "/" && field) {
        event.preventDefault();
        before = at === document.body ? null : at;
        field.focus();
        field.select();
      } else if (event.key === "j" || event.key === "k") {
        const rows = [...document.querySelectorAll("a.open")].filter((row) => row.offsetParent);
        if (!rows.length) return;
        event.preventDefault();
        const here = rows.indexOf(at.closest?.("tr")?.querySelector("a.open"));
        const next = here < 0 ? (event.key === "j" ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, here + (event.key === "j" ? 1 : -1)));
        rows[next].focus();
        rows[next].scrollIntoView({ block: "nearest" });
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [search]);
  return null;
};

// Notifications of the browser, when asked for: a button, and what to tell. The choice is this browser's.
const KEPT = "seam-notify", TOLD = "seam-told";
const TOLD_MS = 86400000, AGAIN_MS = 60000, MAX_TOLD = 300, SPREAD_MS = 100; // what one tab notes reaches the others a moment later

// Every open tab hears of the same, each when it looks: whichever comes first tells it. `lines` are [key, text]; of what happens again
// under the same key, the key ends with "*".
const tellOnce = async (lines, icon, onRefused) => {
  const say = async () => {
    const now = Date.now();
    let told = {};
    try { told = JSON.parse(localStorage.getItem(TOLD)) || {}; } catch { /* somebody else's, or none may be kept */ }
    const fresh = lines.filter(([key]) => !(now - told[key] < (key.endsWith("*") ? AGAIN_MS : TOLD_MS)));
    if (!fresh.length) return;
    for (const [key] of fresh) told[key] = now;
    const kept = Object.entries(told).filter(([, at]) => now - at < TOLD_MS).sort((one, other) => other[1] - one[1]).slice(0, MAX_TOLD);
    try { localStorage.setItem(TOLD, JSON.stringify(Object.fromEntries(kept))); } catch { /* then each tab tells */ }
    try {
      // Another tag for each, so that the second does not silently replace the first.
      const shown = new Notification("Seamwatch", { body: fresh.map(([, text]) => text).join(" "), tag: fresh.map(([key]) => key).join(" "), icon: icon || undefined });
      shown.onclick = () => { window.focus(); shown.close(); };
    } catch {
      onRefused(); // browsers of phones let only service workers notify
    }
    await new Promise((then) => setTimeout(then, SPREAD_MS));
  };
  await (navigator.locks ? navigator.locks.request(TOLD, say) : say());
};

// `news`: lines of a key, a tab and a text, after a first line that makes two of the same news twice.
export const Notify = ({ news, icon }) => {
  const [wanted, setWanted] = useState("");
  useEffect(() => {
    if (!("Notification" in window)) return;
    const granted = Notification.permission === "granted" && localStorage.getItem(KEPT) === "on";
    setWanted(Notification.permission === "denied" ? "denied" : granted ? "on" : "off");
  }, []);
  const told = useRef(news);
  useEffect(() => {
    if (news === told.current) return;
    told.current = news;
    const lines = (news || "").split("\n").slice(1).map((line) => line.split("\t"));
    const asked = wanted === "on" && Notification.permission === "granted" && localStorage.getItem(KEPT) === "on"; // another tab may end it
    if (asked && lines.length) tellOnce(lines, icon, () => setWanted("denied"));
  }, [news, wanted, icon]);
  if (!wanted) return null;
  const toggle = async () => {
    if (wanted === "on") {
      localStorage.setItem(KEPT, "off");
      setWanted("off");
      return;
    }
    const answer = await Notification.requestPermission();
    if (answer === "granted") localStorage.setItem(KEPT, "on");
    setWanted(answer === "granted" ? "on" : answer === "denied" ? "denied" : "off");
  };
  const words = { on: "Notifications of this browser: on", off: "Notify me in this browser", denied: "This browser does not let Seamwatch notify" }[wanted];
  return h(
    "button",
    { type: "button", className: "btn ghost sq notify", "aria-label": words, title: words, "aria-pressed": wanted === "on", disabled: wanted === "denied", onClick: toggle },
    h("svg", { className: "i", "aria-hidden": "true" }, h("use", { href: `${SPRITE}#i-bell` })),
  );
};

// The same on the page of one monitor, which tells of that one: that it got worse than it was, with why an incident is open.
export const NotifyOne = ({ monitor, name, text, why, icon }) => {
  const seen = useRef({ monitor: "", status: "", news: "" }), { status, since } = read(text), { current: was } = seen;
  if (text && monitor) {
    const worse = (status === "down" || status === "degraded") && was.status !== status && was.status !== "down";
    const words = `${name} is ${(WORDS[status] || "").toLowerCase()}${why ? `: ${why}` : "."}`.replace(/\s+/g, " ");
    const news = `${since}\n${monitor}:${status}:${since}\t${words}`;
    seen.current = { monitor, status, news: was.monitor === monitor && worse ? news : was.news };
  }
  return h(Notify, { news: seen.current.news, icon });
};
