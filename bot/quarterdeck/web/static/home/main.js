/* Say what is connected, what waits and what went wrong, with the fix. */
import { get } from "../lib/api.js";
import { byId, h } from "../lib/dom.js";
import { drawIcons } from "../lib/icons.js";
import { signOut } from "../lib/signout.js";

const FRESH_MS = 5_000;
const STATES = {
  receiving: ["good", "Receiving"],
  connecting: ["warn", "Connecting"],
  needs_auth: ["bad", "Needs a new token"],
  off: ["", "Off"],
};
const NAMES = {
  "queues: events": "Messages to answer", "queues: replies": "Replies to send", "outbox: quarantined": "Set aside after failures",
  "outbox: unknown": "Sent, perhaps", "outbox: dead": "Not delivered", people: "People", sessions: "Signed in",
};
const BAD = new Set(["dead", "unknown", "failed"]);

async function refresh() {
  try {
    show(await get("/status"));
    byId("problem").textContent = "";
  } catch (error) {
    byId("problem").textContent = [error.message, error.hint].filter(Boolean).join(" ");
    byId("headline").textContent = "No word from the bot";
  }
}

function show(status) {
  const platforms = Object.entries(status.platforms);
  const findings = (status.findings ?? []).filter((one) => one.level !== "info" && one.level !== "ok");
  const problems = [...status.problems, ...findings.map((one) => ({ what: one.area, message: one.message, fix: one.fix }))];
  const isOn = platforms.filter(([, one]) => stateOf(one) !== "off").length;
  const receiving = platforms.filter(([, one]) => stateOf(one) === "receiving").length;
  byId("headline").textContent = problems.length || platforms.some(([, one]) => stateOf(one) === "needs_auth") ? "Something needs you" : "All is well";
  byId("sub").textContent = `${receiving} of ${isOn} platforms receiving · up for ${span(status.uptime_s)} · version ${status.version}`;
  byId("platforms").replaceChildren(...platforms.map(platform));
  byId("waiting").replaceChildren(...figures(status));
  byId("errors").replaceChildren(...(problems.length ? problems.map(problem) : [h("li", { class: "empty" }, "None.")]));
}

const stateOf = (one) => (typeof one === "string" ? one : one.state);

function platform([name, facts]) {
  const [tone, word] = STATES[stateOf(facts)] ?? ["", stateOf(facts)];
  const detail = typeof facts === "object" ? (facts.reason ?? facts.hint ?? facts.fix ?? "") : "";
  return h("li", {}, h("p", {}, h("i", { class: tone ? `dot is-${tone}` : "dot", "aria-hidden": "true" }), h("b", {}, name)), h("p", {}, word), detail ? h("p", {}, detail) : null);
}

function figures(status) {
  const counts = [];
  for (const [group, values] of Object.entries(status.waiting ?? {})) {
    if (typeof values === "number") counts.push([group, values]);
    else for (const [name, value] of Object.entries(values)) if (typeof value === "number") counts.push([`${group}: ${name}`, value, BAD.has(name) && value > 0]);
  }
  for (const name of ["people", "sessions"]) if (typeof status[name] === "number") counts.push([name, status[name]]);
  return counts.map(([name, value, isBad]) =>
    h("div", { class: isBad ? "is-bad" : null }, h("dt", {}, NAMES[name] ?? name.replaceAll("_", " ")), h("dd", {}, value.toLocaleString())));
}

function problem({ at, what, message, fix }) {
  return h("li", {}, at ? h("time", { datetime: at }, new Date(at).toLocaleString()) : null,
    h("p", {}, h("b", {}, what ? `${what}: ` : ""), message), fix ? h("p", { class: "fix" }, fix) : null);
}

function span(seconds) {
  const units = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
  const [name, length] = units.find(([, one]) => seconds >= one) ?? units.at(-1);
  const count = Math.floor(seconds / length);
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

drawIcons();
byId("signout").addEventListener("click", () => signOut());
refresh();
setInterval(() => document.hidden || refresh(), FRESH_MS);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
