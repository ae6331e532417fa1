/* Say how the line does, and what to do when something is wrong. */
import { byId, h } from "../lib/dom.js";

const WORDS = { open: "Connected", connecting: "Connecting", lost: "No connection" };

export class Notice {
  constructor() {
    this.place = byId("notice");
    this.line = byId("line");
    this.owner = "";
  }

  /** Show the state of the line; `again` tries at once. */
  showLine(state, problem, again) {
    this.line.dataset.state = state;
    this.line.querySelector("span").textContent = WORDS[state] ?? state;
    if (state === "lost") {
      const text = navigator.onLine === false
        ? "You are offline. What you send waits here and goes out when you are back."
        : `${problem?.message ?? "The line to the bot is down."} ${problem?.hint || "It is tried again by itself; what you send waits here. Nothing is lost."}`;
      this.show("line", text, [["Try now", again]]);
    } else if (this.owner === "line") this.hide();
  }

  /** Show a problem until it is closed or the next takes its place. */
  showProblem(error) {
    this.show("problem", [error.message, error.hint].filter(Boolean).join(" "), [["Close", () => this.hide()]], true);
  }

  showSignedOut() {
    const next = encodeURIComponent(location.pathname);
    this.show("signed-out", "You are signed out. What you wrote is kept here.", [["Sign in again", () => location.assign(`/sign-in?next=${next}`)]], true);
  }

  show(owner, text, acts, isBad = false) {
    if (this.owner === "signed-out" && owner !== "signed-out") return;
    if (this.owner === owner && this.place.firstChild?.textContent === text) return;
    this.owner = owner;
    this.place.classList.toggle("is-bad", isBad);
    this.place.replaceChildren(h("span", {}, text), ...acts.map(([word, act]) => h("button", { type: "button", on: { click: act } }, word)));
    this.place.hidden = false;
  }

  hide() {
    this.owner = "";
    this.place.hidden = true;
  }
}
