/* Tell screen readers what happened: whole answers and states, never single words of a stream. */
import { byId } from "../lib/dom.js";

const LONGEST = 600;

export function announce(text) {
  const place = byId("announcer");
  place.textContent = "";
  const said = text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text;
  requestAnimationFrame(() => (place.textContent = said));
}
