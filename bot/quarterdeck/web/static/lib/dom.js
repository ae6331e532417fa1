/* Make elements; text is only ever text. */
import { icon } from "./icons.js";

/** Make an element. `on` holds listeners, `data` the dataset; other properties are attributes (true: empty, false: none). */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") for (const [kind, act] of Object.entries(value)) element.addEventListener(kind, act);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Make a button that shows an icon and speaks `label`. */
export function iconButton(name, label, act, properties = {}) {
  const button = h("button", { type: "button", class: "quiet", title: label, "aria-label": label, "data-icon": name, ...properties });
  button.append(icon(name));
  button.addEventListener("click", act);
  return button;
}

export const byId = (id) => document.getElementById(id);

/** Call `act` once it was quiet for `wait_ms`. */
export function later(wait_ms, act) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), wait_ms);
  };
}

/** Show a size as people write it. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
