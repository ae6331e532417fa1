/* Say how a run or a step does, and when, in words and marks: never by colour alone. */
import { h } from "../lib/dom.js";
import { drawIcons } from "../lib/icons.js";
import { signOut } from "../lib/signout.js";

const STATES = {
  succeeded: ["good", "Done", "\u2713"],
  failed: ["bad", "Failed", "\u2715"],
  skipped: ["", "Skipped", "\u2013"],
  running: ["busy", "Running", "\u25b8"],
  waiting: ["warn", "Waiting", "\u2026"],
  unknown: ["warn", "Waiting for a decision", "?"],
  cancelled: ["", "Stopped", "\u25a0"],
  "": ["", "Not reached", ""],
};
const OVER = new Set(["succeeded", "failed", "cancelled"]);

export const isOver = (state) => OVER.has(state);

/** Return the mark of a state: a sign in a circle, with its words for who hears the page. */
export function mark(state) {
  const [tone, word, sign] = STATES[state] ?? STATES[""];
  return h("span", { class: `tick${tone ? ` is-${tone}` : ""}` }, h("span", { "aria-hidden": "true" }, sign), h("span", { class: "unseen" }, `${word}: `));
}

export const word = (state) => (STATES[state] ?? STATES[""])[1];

/** Return how long something took, as people say it. */
export function span(took_ms) {
  if (took_ms === null || took_ms === undefined) return "";
  if (took_ms < 1_000) return `${took_ms} ms`;
  const seconds = took_ms / 1_000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60];
  if (days) return `${days} d ${hours} h`;
  return hours ? `${hours} h ${minutes} min` : `${minutes} min ${Math.floor(seconds % 60)} s`;
}

/** Return a moment on the reader's own clock. */
export function moment(at) {
  const shown = new Date(at);
  const isToday = shown.toDateString() === new Date().toDateString();
  return h("time", { datetime: at, title: shown.toLocaleString() }, isToday ? shown.toLocaleTimeString() : shown.toLocaleString());
}

/** Dress the frame that both pages have; who is signed out signs in and comes back. */
export function frame(byId) {
  drawIcons();
  byId("signout").addEventListener("click", () => signOut());
  window.addEventListener("signed-out", () => location.replace(`/sign-in?next=${encodeURIComponent(location.pathname)}`));
}
