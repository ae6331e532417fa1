/* Show one run step by step, as it goes on, and let who may say what becomes of it. */
import { confirm } from "../chat/dialog.js";
import { get, post } from "../lib/api.js";
import { byId, h } from "../lib/dom.js";
import { fragment } from "../lib/html.js";
import { Stream } from "../lib/stream.js";
import { step } from "./step.js";
import { frame, isOver, mark, moment, span, word } from "./words.js";

const ASK = {
  cancel: ["Stop the run?", "The step that it is in is stopped where that can be; what is done stays done."],
  fail: ["Fail the run?", "The step is taken for failed, and the run ends unless it goes on after failures."],
  confirm: ["Run it?", "It does what the plan says."],
};
const id = decodeURIComponent(location.pathname.replace(/^\/runs\//, ""));
const path = `/runs/${encodeURIComponent(id)}`;
const known = new Map();
let stream = null;
let state = null;

function show(found) {
  const { run } = found;
  document.title = `${word(run.state)}: ${found.title} · Quarterdeck`;
  byId("title").textContent = found.title;
  byId("state").replaceChildren(mark(run.state), word(run.state), isOver(run.state) || !run.step ? "" : ` at ${run.step}`);
  byId("state").dataset.state = run.state;
  facts(run);
  message(found);
  choices(found.choices);
  steps(found);
  if (state !== null && state !== run.state) byId("announce").textContent = `${found.title}: ${word(run.state)}`;
  state = run.state;
}

function facts(run) {
  const took = run.finished_at ? span(new Date(run.finished_at) - new Date(run.started_at)) : "";
  const rows = [["Run", h("code", {}, run.id)], ["Started by", run.is_own ? `${run.by} (you)` : run.by], ["Started", moment(run.started_at)], took ? ["Took", took] : null];
  byId("facts").replaceChildren(...rows.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function message({ run, html }) {
  const place = byId("message");
  place.hidden = !html;
  place.classList.toggle("is-bad", run.state === "failed" || run.state === "unknown");
  if (place.dataset.drawn === html) return;
  place.dataset.drawn = html;
  place.replaceChildren(fragment(html));
}

function choices(found) {
  const now = JSON.stringify(found);
  const place = byId("choices");
  if (place.dataset.drawn === now) return;
  place.dataset.drawn = now;
  place.replaceChildren(...found.map((one) => h("button", { type: "button", class: one.danger ? "danger" : "main", on: { click: (event) => say(one, event.target) } }, one.label)));
}

async function say(choice, button) {
  const asked = ASK[choice.word];
  if (asked && !(await confirm(...asked, choice.label))) return;
  for (const one of byId("choices").querySelectorAll("button")) one.disabled = true;
  try {
    await post(`${path}/words`, { word: choice.word });
    byId("problem").textContent = "";
    follow();
  } catch (error) {
    byId("problem").textContent = [error.message, error.hint].filter(Boolean).join(" ");
    byId("choices").dataset.drawn = "";
    refresh();
  }
  button.blur();
}

function steps(found) {
  const places = new Set(found.steps.map((one) => one.place));
  for (const [place, { item }] of known) if (!places.has(place)) item.remove(), known.delete(place);
  let before = null;
  for (const one of found.steps) {
    const text = JSON.stringify([one, isOver(found.run.state)]);
    const old = known.get(one.place);
    const item = old?.text === text ? old.item : step(one, isOver(found.run.state), old?.item);
    if (old && old.item !== item) old.item.replaceWith(item);
    const next = before ? before.nextSibling : byId("steps").firstChild;
    if (next !== item) byId("steps").insertBefore(item, next);
    known.set(one.place, { text, item });
    before = item;
  }
  byId("cut").hidden = !found.left_out && found.has_outputs;
  byId("cut").textContent = [
    found.left_out ? `${found.left_out} earlier steps inside loops are left out.` : "",
    found.has_outputs ? "" : "What the steps came to is shown to whoever started the run, and to admins.",
  ].filter(Boolean).join(" ");
}

function follow() {
  stream?.stop();
  stream = new Stream({
    url: () => `/api/v1${path}/events`,
    take: ({ event, data }) => {
      if (event === "run") show(JSON.parse(data));
      else if (event === "over" && isOver(state)) stream.stop();
    },
    state: (kind, { problem }) => {
      if (kind === "refused" && problem.status !== 401) refuse(problem);
      else byId("problem").textContent = kind === "lost" ? "The line to the bot is down; this page connects again by itself." : "";
    },
  });
}

function refuse(problem) {
  byId("title").textContent = problem.status === 404 ? "No such run" : "Not for you";
  byId("problem").textContent = [problem.message, problem.hint].filter(Boolean).join(" \u2013 ");
}

async function refresh() {
  try {
    show(await get(path));
  } catch (error) {
    if (error.status !== 401) refuse(error);
  }
}

frame(byId);
follow();
