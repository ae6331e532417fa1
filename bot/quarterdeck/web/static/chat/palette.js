/* Everything at one's fingertips: commands, conversations, things the page does. */
import { h } from "../lib/dom.js";
import { fitting } from "./commandline.js";
import { openDialog } from "./dialog.js";

const MOST = 8;

/** Open the palette. `sources`: commands, conversations, actions ({title, summary, keys, act}); `choose` of each. */
export function openPalette(sources) {
  if (document.querySelector("dialog[open]")) return;
  const input = h("input", {
    type: "text", placeholder: "Type a command, a conversation, or what to do", "aria-label": "Search commands and conversations",
    role: "combobox", "aria-expanded": "true", "aria-controls": "offers", "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false",
  });
  const list = h("div", { class: "offers", id: "offers", role: "listbox", "aria-label": "Offers" });
  let chosen = null;
  const dialog = openDialog("", h("div", { class: "ask" }, input), { className: "is-palette", closed: () => chosen?.() });
  dialog.setAttribute("aria-label", "Commands");
  dialog.append(list);
  const shown = { offers: [], at: 0 };
  const take = (index) => {
    chosen = shown.offers[index]?.act ?? null;
    dialog.close();
  };
  const mark = () => {
    const options = [...list.querySelectorAll("[role=option]")];
    options.forEach((option, index) => option.setAttribute("aria-selected", String(index === shown.at)));
    if (options[shown.at]) input.setAttribute("aria-activedescendant", options[shown.at].id);
    options[shown.at]?.scrollIntoView({ block: "nearest" });
  };
  const draw = () => {
    const groups = offersFor(sources, input.value.trim().replace(/^\//, ""));
    shown.offers = groups.flatMap(([, offers]) => offers);
    shown.at = 0;
    let index = -1;
    list.replaceChildren(...groups.map(([title, offers]) => h("div", { role: "group", "aria-label": title }, h("h3", { "aria-hidden": "true" }, title),
      ...offers.map((offer) => offerRow(offer, (index += 1), take)))));
    if (!shown.offers.length) list.replaceChildren(h("p", { class: "empty", role: "option" }, "Nothing fits."));
    mark();
  };
  input.addEventListener("input", draw);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && shown.offers.length) {
      shown.at = (shown.at + step + shown.offers.length) % shown.offers.length;
      mark();
    } else if (event.key === "Enter" && !event.isComposing) take(shown.at);
    else return;
    event.preventDefault();
  });
  draw();
  input.focus();
}

function offerRow(offer, index, take) {
  const keys = offer.keys ? h("kbd", {}, offer.keys) : null;
  return h("div", { class: offer.isCommand ? "choice" : "choice is-plain", role: "option", id: `offer-${index}`, on: { click: () => take(index) } },
    h("b", {}, offer.title), h("span", {}, offer.summary ?? ""), keys);
}

function offersFor(sources, typed) {
  const wanted = typed.toLowerCase();
  const holds = (offer) => offer.title.toLowerCase().includes(wanted) || (offer.summary ?? "").toLowerCase().includes(wanted);
  const commands = fitting(sources.commands, typed).map((command) => ({
    title: `/${command.name}`, summary: command.summary, isCommand: true, act: () => sources.choose(command),
  }));
  const groups = [
    ["Commands", commands],
    ["On this page", sources.actions.filter(holds)],
    ["Conversations", sources.conversations.filter(holds).slice(0, MOST)],
  ];
  return groups.filter(([, offers]) => offers.length);
}
