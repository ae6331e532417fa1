/* Draw one step of a run. */
import { h } from "../lib/dom.js";
import { mark, moment, span, word } from "./words.js";

const DEEPEST = 5;

/** Make the item of a step; `old` is the one that it takes the place of: what was opened there stays open. */
export function step(one, isRunOver, old) {
  const isOpen = old?.querySelector("details")?.open ?? false;
  const took = span(one.took_ms);
  const state = one.state || (isRunOver ? "" : "later");
  const about = [
    one.state ? word(one.state) : isRunOver ? "Not reached" : "Not yet",
    one.kind && one.kind !== one.title ? one.kind.replaceAll("_", " ") : "",
    one.tries > 1 ? `${one.tries} attempts` : "",
    took,
  ].filter(Boolean).join(" \u00b7 ");
  return h("li", { class: `step is-${state || "none"} depth-${Math.min(one.depth, DEEPEST)}`, data: { place: one.place } },
    mark(one.state),
    h("div", { class: "what" },
      h("p", { class: "name" }, one.title),
      h("p", { class: "sub" }, about, one.at ? [" \u00b7 ", moment(one.at)] : ""),
      one.error ? h("div", { class: "cause" }, h("p", {}, one.error), one.hint ? h("p", { class: "fix" }, `What helps: ${one.hint}`) : null) : null,
      one.output ? h("details", { open: isOpen }, h("summary", {}, "Output"), h("pre", { tabindex: "0", role: "region", "aria-label": `Output of ${one.title}` }, one.output)) : null));
}
