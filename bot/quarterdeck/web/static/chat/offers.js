/* Name what the palette offers besides commands. */
import { byId } from "../lib/dom.js";
import { signOut } from "../lib/signout.js";
import { openAccount } from "./account.js";
import { openShortcuts } from "./shortcuts.js";

/** Return the conversations one can go to. */
export function conversationOffers(chat) {
  return chat.sidebar.items.map((item) => ({ title: item.title || "New conversation", act: () => chat.open(item.id) }));
}

/** Return what the page itself can do. */
export function actionOffers(chat) {
  const actions = [
    { title: "New conversation", keys: "Alt+N", act: () => chat.create() },
    { title: "Search everything said", keys: "Ctrl+Shift+F", act: () => chat.sidebar.startSearch() },
    { title: "Keyboard shortcuts", keys: "?", act: openShortcuts },
    { title: "Workflow runs", summary: "What ran, step by step", act: () => location.assign("/runs") },
    { title: "Attach files", act: () => byId("picker").click() },
  ];
  if (chat.me.account) actions.push({ title: "Your account", summary: "Password and passkeys", act: () => openAccount(chat.me) });
  if (chat.me.is_owner) actions.push({ title: "What runs", summary: "Platforms, queues, errors", act: () => location.assign("/") });
  return [...actions, { title: "Sign out", act: () => signOut() }];
}
