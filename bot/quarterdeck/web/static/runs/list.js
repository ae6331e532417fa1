/* List the runs that who reads this may see, newest first. */
import { get } from "../lib/api.js";
import { byId, h } from "../lib/dom.js";
import { frame, isOver, mark, moment, span, word } from "./words.js";

const FRESH_MS = 5_000;
let only = "";
let runs = [];
let drawn = "";

async function refresh() {
  try {
    const found = await get("/runs?limit=200");
    runs = found.runs;
    byId("problem").textContent = "";
    byId("sub").textContent = found.sees_all ? "Of everybody, newest first." : "Those that you started, newest first.";
    draw();
  } catch (error) {
    if (error.status === 401) return;
    byId("sub").textContent = "";
    byId("problem").textContent = [error.message, error.hint].filter(Boolean).join(" ");
  }
}

function draw() {
  const shown = runs.filter((run) => !only || (only === "failed" ? run.state === "failed" || run.state === "unknown" : !isOver(run.state)));
  const now = JSON.stringify([only, shown]);
  if (now === drawn) return;
  drawn = now;
  const focused = document.activeElement?.closest?.("#list a")?.getAttribute("href");
  byId("list").replaceChildren(...(shown.length ? shown.map(row) : [h("li", { class: "empty" }, only ? "None of these." : "No runs yet. /workflows in the chat shows what can be run.")]));
  if (focused) byId("list").querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

function row(run) {
  const took = run.finished_at ? span(new Date(run.finished_at) - new Date(run.started_at)) : "";
  const place = isOver(run.state) ? "" : run.step;
  return h("li", {},
    mark(run.state),
    h("div", { class: "what" },
      h("a", { href: `/runs/${encodeURIComponent(run.id)}` }, run.workflow),
      h("span", { class: "sub" }, [word(run.state), place ? `at ${place}` : "", took ? `after ${took}` : ""].filter(Boolean).join(" · "))),
    h("div", { class: "when sub" }, h("span", {}, run.is_own ? "you" : run.by), moment(run.started_at)));
}

for (const button of document.querySelectorAll("[data-only]")) {
  button.addEventListener("click", () => {
    only = button.dataset.only;
    for (const one of document.querySelectorAll("[data-only]")) one.setAttribute("aria-pressed", String(one === button));
    draw();
  });
}
frame(byId);
refresh();
setInterval(() => document.hidden || refresh(), FRESH_MS);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
