/* Buttons and forms under an answer. */
import { h } from "../lib/dom.js";
import { Field } from "./field.js";

/** Show the buttons of a message; all rest while one press is on its way. */
export function buttonRow(message, press) {
  const row = h("div", { class: "buttons", role: "group", "aria-label": "What you can do" });
  for (const button of message.buttons) {
    const act = async () => {
      for (const one of row.children) one.disabled = true;
      const worked = await press(message, button);
      if (!worked) for (const one of row.children) one.disabled = false;
    };
    row.append(h("button", { type: "button", class: button.danger ? "danger" : null, on: { click: act } }, button.label));
  }
  return row;
}

/** Show the form of a message. */
export function formOf(message, submit) {
  const fields = message.form.inputs.map((input) => new Field({ ...input, name: input.id, summary: input.label }));
  const send = h("button", { type: "submit", class: "main" }, "Send");
  const form = h("form", { class: "card", novalidate: true, "aria-label": message.form.title || "Form" },
    message.form.title ? h("h3", {}, message.form.title) : null,
    h("div", { class: "inputs" }, ...fields.map((field) => field.element)), h("div", { class: "buttons" }, send));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = fields.filter((field) => !field.check());
    if (wrong.length) return wrong[0].focus();
    send.disabled = true;
    const values = Object.fromEntries(fields.map((field) => [field.name, field.value]).filter(([, value]) => value !== undefined));
    const files = fields.flatMap((field) => field.files);
    if (!(await submit(message, values, files))) send.disabled = false;
  });
  return form;
}
