/* Ask in a dialog; the browser keeps the focus inside and gives it back. */
import { h, iconButton } from "../lib/dom.js";

/** Open a dialog with `body`; it is gone when it closes. */
export function openDialog(title, body, { className = "", closed = () => {} } = {}) {
  const returned = document.activeElement;
  const close = iconButton("close", "Close", () => dialog.close());
  const head = title ? [h("header", {}, h("h2", { id: "dialog-title" }, title), close)] : [];
  const dialog = h("dialog", { class: className, "aria-labelledby": title ? "dialog-title" : null }, ...head, body);
  document.body.append(dialog);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    returned?.focus?.();
    closed();
  });
  dialog.showModal();
  return dialog;
}

/** Ask yes or no; resolves to the answer. */
export function confirm(title, text, yes) {
  return new Promise((resolve) => {
    let answer = false;
    const act = () => {
      answer = true;
      dialog.close();
    };
    const ends = h("div", { class: "ends" },
      h("button", { type: "button", on: { click: () => dialog.close() } }, "Cancel"),
      h("button", { type: "button", class: "danger", on: { click: act } }, yes));
    const dialog = openDialog(title, h("div", { class: "body" }, h("p", {}, text), ends), { closed: () => resolve(answer) });
  });
}
