/* Buttons and forms under an answer. */
import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { keep, recall } from "../lib/memory.js";
import { Field } from "./field.js";

const MOST_DRAFTS = 20;

/** Show the buttons of a message; all rest while one press is on its way. */
export function buttonRow(message, press) {
  const buttons = message.buttons.map((button) =>
    h("button", { type: "button", class: button.danger ? "danger" : null, on: { click: () => press(message, button) } }, button.label));
  return h("fieldset", { class: "buttons", "aria-label": "What you can do" }, ...buttons);
}

/** Show the form of a message, with what was typed into it before a reload. */
export function formOf(message, submit) {
  const { title, inputs, id } = message.form;
  const typed = recall("forms", {})[message.seq] ?? {};
  const fields = inputs.map((input) => new Field({ ...input, name: input.id, summary: input.label, value: typed[input.id] ?? input.value }));
  const send = h("button", { type: "submit", class: "main" }, "Send");
  const form = h("form", { class: "card", novalidate: true, "aria-label": title || "Form" },
    h("fieldset", {}, inputsOf(fields), h("div", { class: "buttons" }, send)));
  form.addEventListener("input", () => keepDraft(message.seq, Object.fromEntries(fields.map((field) => [field.name, field.draft]))));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await Promise.all(fields.map((field) => field.loading));
    const wrong = fields.filter((field) => !field.check());
    if (wrong.length) return wrong[0].focus();
    const given = fields.filter((field) => field.value !== undefined);
    const shown = given.map((field) => `${field.option.label}: ${field.value}`).join("\n") || title;
    submit(message, { id, values: Object.fromEntries(given.map((field) => [field.name, field.value])) }, shown, fields.flatMap((field) => field.files));
  });
  return form;
}

/** Put what is needed first; much that may be left out is folded away. */
function inputsOf(fields) {
  const isOpen = ({ option }) => option.required || option.value || option.problem;
  const others = fields.filter((field) => !isOpen(field));
  if (others.length < 3 || others.length === fields.length) return h("div", { class: "inputs" }, ...fields.map((field) => field.element));
  const more = h("details", {}, h("summary", {}, `${others.length} more that you may fill in`), h("div", { class: "inputs" }, ...others.map((field) => field.element)));
  return h("div", { class: "inputs" }, ...fields.filter(isOpen).map((field) => field.element), more);
}

/** Let the card of a message rest while an answer to it is on its way, or take answers again. */
export function rest(element, isBusy) {
  for (const fields of element.querySelectorAll("fieldset")) fields.disabled = isBusy;
}

/** Show on a message that `said`, a press or a form, has answered it. */
export function settle(element, said) {
  rest(element, false);
  if (said.kind === "form") {
    keepDraft(said.of, null);
    const form = element.querySelector("form.card");
    form?.replaceWith(h("p", { class: "done" }, icon("done"), `${form.ariaLabel}: filled in and sent`));
  }
  for (const button of element.querySelectorAll(".buttons > button")) {
    if (said.kind === "press") button.setAttribute("aria-pressed", String(button.textContent === said.text));
  }
}

/** Keep what is typed into a form over a reload; null forgets it. */
function keepDraft(seq, values) {
  const drafts = recall("forms", {});
  delete drafts[seq];
  const kept = Object.entries(values ? { ...drafts, [seq]: values } : drafts).slice(-MOST_DRAFTS);
  keep("forms", kept.length ? Object.fromEntries(kept) : null);
}
