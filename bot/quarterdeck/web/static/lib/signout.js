/* Leave, and leave nothing behind in this browser. */
import { post } from "./api.js";
import { forgetAll } from "./memory.js";

export async function signOut() {
  await post("/sign-out", {});
  forgetAll();
  location.assign("/sign-in");
}
