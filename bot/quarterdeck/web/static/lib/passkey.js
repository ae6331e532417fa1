/* Make and use passkeys. */
import { post } from "./api.js";

const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[.*\])$/;

/** Tell whether the browser can have passkeys for this address at all. */
export function canHavePasskeys() {
  const has = typeof PublicKeyCredential === "function" && typeof PublicKeyCredential.parseCreationOptionsFromJSON === "function";
  return window.isSecureContext && has && !ADDRESS.test(location.hostname);
}

/** Register a new passkey for the person who is signed in. */
export async function createPasskey(name) {
  const { ceremony, publicKey } = await post("/me/passkey-options", {});
  const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
  return post("/me/passkeys", { ceremony, credential: credential.toJSON(), name });
}

/** Sign in with a passkey; returns where to go. */
export async function usePasskey(name) {
  const { ceremony, publicKey } = await post("/sign-in/passkey/options", { name });
  const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
  return post("/sign-in/passkey", { ceremony, credential: credential.toJSON() });
}
