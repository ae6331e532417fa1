/* Sign in: with a passkey, a password, or once with a code. The forms work without this module, too. */
import { post } from "../lib/api.js";
import { byId } from "../lib/dom.js";
import { drawIcons } from "../lib/icons.js";
import { canHavePasskeys, usePasskey } from "../lib/passkey.js";

const FORMS = ["password", "code"];

function show(which, isFocused = true) {
  for (const name of FORMS) {
    const isShown = name === which;
    const tab = byId(`tab-${name}`);
    tab.setAttribute("aria-selected", String(isShown));
    tab.tabIndex = isShown ? 0 : -1;
    byId(`with-${name}`).hidden = !isShown;
  }
  byId("heading").textContent = which === "code" ? "Welcome aboard" : "Sign in";
  if (isFocused) byId(`tab-${which}`).focus();
}

function say(error) {
  byId("problem").textContent = [error.message, error.hint].filter(Boolean).join(" ");
}

/** Return where to go: only ever a path of this server. */
function nextPlace(otherwise) {
  const wanted = new URLSearchParams(location.search).get("next") ?? otherwise ?? "/chat";
  const place = new URL(wanted, location.origin);
  return place.origin === location.origin ? place.pathname : "/chat";
}

async function submit(form) {
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  say({ message: "" });
  try {
    const body = Object.fromEntries(new FormData(form));
    const { next } = await post(form.getAttribute("action"), body);
    location.assign(nextPlace(next));
  } catch (error) {
    say(error.status === 429 && error.retry_after_s ? { ...error, message: `${error.message} Try again in ${error.retry_after_s} s.` } : error);
    button.disabled = false;
    form.querySelector("input:invalid, [type=password], #code").focus();
  }
}

drawIcons();
for (const name of FORMS) {
  byId(`with-${name}`).setAttribute("role", "tabpanel");
  byId(`tab-${name}`).addEventListener("click", () => show(name));
  byId(`with-${name}`).addEventListener("submit", (event) => {
    event.preventDefault();
    submit(event.target);
  });
}
byId("tabs").hidden = false;
byId("tabs").addEventListener("keydown", (event) => {
  if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
  show(byId("with-password").hidden ? "password" : "code");
});

const code = byId("code").value || new URLSearchParams(location.search).get("code") || location.hash.replace(/^#(?:code=)?/, "");
if (code) {
  byId("code").value = code;
  if (location.search || location.hash) history.replaceState(null, "", location.pathname); // codes do not belong into the history
}
show(code ? "code" : "password", false);
byId(code ? "new-name" : "name").focus();

if (canHavePasskeys()) {
  byId("passkey").hidden = false;
  byId("passkey").addEventListener("click", async () => {
    say({ message: "" });
    try {
      const { next } = await usePasskey(byId("name").value);
      location.assign(nextPlace(next));
    } catch (error) {
      say(error.name === "NotAllowedError" ? { message: "No passkey was used. Try again, or sign in with the password." } : error);
    }
  });
}
