/* Plug the parts of the chat page together. */
import { get } from "../lib/api.js";
import { drawIcons } from "../lib/icons.js";
import { Chat } from "./chat.js";
import { Notice } from "./notice.js";

drawIcons();
const notice = new Notice();
window.addEventListener("signed-out", () => notice.showSignedOut());

async function start() {
  try {
    const [me, { commands }] = await Promise.all([get("/me"), get("/commands")]);
    notice.showLine("connecting");
    await new Chat(me, commands, notice).begin();
  } catch (error) {
    if (error.status === 401) return;
    if (!error.status) notice.showLine("lost", error, start);
    else notice.showProblem(error);
    setTimeout(start, 3_000);
  }
}

start();
