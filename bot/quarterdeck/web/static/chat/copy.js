/* Copy text, and say that it worked. */
import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { announce } from "./announce.js";

/** Make a button that copies what `read` returns; `isWordy` shows the word beside the icon. */
export function copyButton(label, read, isWordy = false) {
  const word = isWordy ? h("span", {}, "Copy") : null;
  const button = h("button", { type: "button", class: "quiet copy", title: label, "aria-label": label }, icon("copy"), word);
  if (!isWordy) button.dataset.icon = "copy";
  button.addEventListener("click", async () => {
    const worked = await copy(read());
    button.firstChild.replaceWith(icon(worked ? "done" : "close"));
    if (word) word.textContent = worked ? "Copied" : "Not allowed";
    announce(worked ? "Copied" : "Copying is not allowed here; select the text instead.");
    setTimeout(() => {
      button.firstChild.replaceWith(icon("copy"));
      if (word) word.textContent = "Copy";
    }, 1_600);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text); // plain http on a name other than localhost has no clipboard
  }
}

function copyBySelection(text) {
  const area = h("textarea", { class: "unseen", "aria-hidden": "true", tabindex: "-1" });
  area.value = text;
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const worked = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return worked;
}
