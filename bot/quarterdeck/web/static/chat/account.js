/* Change how one signs in: password and passkeys. */
import { ask, get, post } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { canHavePasskeys, createPasskey } from "../lib/passkey.js";
import { openDialog } from "./dialog.js";
import { announce } from "./announce.js";

export function openAccount(me) {
  const said = h("p", { role: "status", hidden: true });
  const say = (text, isBad = false) => {
    said.className = isBad ? "problem" : "hint";
    said.textContent = text;
    said.hidden = !text;
    announce(text);
  };
  const keys = h("ul", {});
  const draw = () => drawKeys(keys, say).catch((error) => say(`${error.message} ${error.hint ?? ""}`, true));
  const add = h("button", { type: "button", class: "main", on: { click: () => addKey(say, draw) } }, "Add a passkey");
  const why = h("p", { class: "hint" }, "Browsers allow passkeys at https addresses and at localhost only, not at an IP address.");
  const body = h("div", { class: "body" },
    h("p", {}, `${me.name} · ${me.role}`, h("br"), h("span", { class: "hint" }, me.identities.join(", "))), said,
    h("h3", {}, "Passkeys"), keys, canHavePasskeys() ? add : why, h("h3", {}, "Password"), passwordForm(say, me.account));
  openDialog("Your account", body);
  draw();
}

async function drawKeys(list, say) {
  const answer = await get("/me/passkeys");
  const keys = answer.passkeys ?? answer;
  list.replaceChildren(...keys.map((key) => {
    const remove = async () => {
      try {
        await ask("DELETE", `/me/passkeys/${encodeURIComponent(key.id)}`);
        await drawKeys(list, say);
      } catch (error) {
        say(`${error.message} ${error.hint ?? ""}`, true);
      }
    };
    return h("li", {}, key.name || "Passkey", " ", h("button", { type: "button", class: "link", "aria-label": `Remove ${key.name}`, on: { click: remove } }, "Remove"));
  }));
  if (!keys.length) list.append(h("li", { class: "hint" }, "None yet. With one you sign in by fingerprint, face or PIN."));
}

async function addKey(say, draw) {
  try {
    await createPasskey(`${navigator.userAgentData?.platform ?? "This device"}, ${new Date().toLocaleDateString()}`);
    say("The passkey is added.");
    await draw();
  } catch (error) {
    say(error.name === "NotAllowedError" ? "Nothing was added: the browser was told to stop, or took too long." : `${error.message} ${error.hint ?? ""}`, true);
  }
}

function passwordForm(say, name) {
  const input = (id, text, complete) => [h("label", { for: id }, text),
    h("input", { id, type: "password", autocomplete: complete, required: true, minlength: id === "new" ? "12" : null })];
  const owner = h("input", { type: "text", autocomplete: "username", value: name, hidden: true }); // for password managers
  const form = h("form", { class: "inputs" }, owner, ...input("current", "Present password", "current-password"), ...input("new", "New password, at least 12 characters", "new-password"),
    h("div", { class: "ends" }, h("button", { type: "submit" }, "Change the password")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [current, fresh] = form.querySelectorAll("[type=password]");
    try {
      await post("/me/password", { current: current.value, new: fresh.value });
      form.reset();
      say("The password is changed. You are signed out everywhere else.");
    } catch (error) {
      say(`${error.message} ${error.hint ?? ""}`, true);
    }
  });
  return form;
}
