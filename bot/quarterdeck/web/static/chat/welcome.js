/* Greet, and show what the bot can do, from the commands there are. */
import { byId, h } from "../lib/dom.js";

const FIRST = ["ask", "help", "status", "digest", "summarize", "image", "run", "schedule"];
const MOST = 4;

/** Show the greeting; `start(command)` when somebody picks one. */
export function showWelcome(me, commands, start) {
  const picked = FIRST.map((name) => commands.find((command) => command.name === name)).filter(Boolean).slice(0, MOST);
  const items = picked.map((command) =>
    h("li", {}, h("button", { type: "button", on: { click: () => start(command) } }, h("b", {}, `/${command.name}`), h("small", {}, command.summary))));
  const name = me.name ? `, ${me.name}` : "";
  byId("welcome").replaceChildren(h("h2", { dir: "auto" }, `${greeting()}${name}.`),
    h("p", {}, "Ask what is in your documents, or run a command."), items.length ? h("ul", {}, ...items) : "");
}

function greeting() {
  const hour = new Date().getHours();
  return hour < 5 ? "Still up" : hour < 12 ? "Good morning" : hour < 18 ? "Good afternoon" : "Good evening";
}
