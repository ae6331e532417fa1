/* Ask for a command's typed options before it runs. */
import { h } from "../lib/dom.js";
import { openDialog } from "./dialog.js";
import { Field } from "./field.js";

/** Open the form of a command; `run(options, files, fields)` when all values are sound. */
export function openOptions(command, complete, run) {
  const fields = command.options.map((option) => new Field(option, (typed) => complete(command.name, option.name, typed)));
  const send = h("button", { type: "submit", class: command.effect === "destructive" ? "danger" : "main" }, `Run /${command.name}`);
  const form = h("form", { class: "body", novalidate: true },
    h("p", { class: "hint" }, command.detail || command.summary),
    h("div", { class: "inputs" }, ...fields.map((field) => field.element)),
    command.examples?.length ? h("p", { class: "hint" }, "Such as ", h("code", {}, command.examples[0])) : null,
    h("div", { class: "ends" }, send));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await Promise.all(fields.map((field) => field.loading));
    const wrong = fields.filter((field) => !field.check());
    if (wrong.length) return wrong[0].focus();
    const isGiven = (field) => field.value !== undefined && !(field.option.kind === "boolean" && !field.value && !field.option.default);
    const given = fields.filter(isGiven);
    run(Object.fromEntries(given.map((field) => [field.name, field.value])), fields.flatMap((field) => field.files));
    dialog.close();
  });
  const dialog = openDialog(`/${command.name}`, form);
  fields[0]?.focus();
}

/** Write a command as the line that people would type, to show it. */
export function lineOf(command, options) {
  const quoted = (value) => (typeof value === "string" && /[\s"']/.test(value) ? `"${value.replaceAll('"', '\\"')}"` : String(value));
  const parts = command.options.filter((option) => option.name in options).map((option) => {
    const value = options[option.name];
    if (option.rest) return String(value);
    return option.positional ? quoted(value) : `--${option.name} ${quoted(value)}`;
  });
  return [`/${command.name}`, ...parts].join(" ");
}
