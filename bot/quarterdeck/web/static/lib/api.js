/* Ask the server. Every failure becomes an ApiError that says what to do. */
const BASE = "/api/v1";
const TIMEOUT_MS = 20_000;

/** Say what failed: `status` 0 means that there was no answer at all. */
export class ApiError extends Error {
  constructor({ status = 0, kind = "service", message, hint = "", retry_after_s = 0 }) {
    super(message);
    Object.assign(this, { status, kind, hint, retry_after_s });
  }

  /** Tell whether the same request may well pass later. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status === 408 || this.status >= 500;
  }
}

const NO_ANSWER = {
  message: "The bot does not answer.",
  hint: "Look whether `quarterdeck run` is running; this page connects again by itself.",
};

/** Send a request; returns the JSON of the answer, null when it has none. */
export async function ask(method, path, { body, headers = {}, signal, timeout_ms = TIMEOUT_MS } = {}) {
  const isForm = body instanceof FormData;
  const limit = AbortSignal.timeout(timeout_ms);
  let answer;
  try {
    answer = await fetch(path.startsWith("/sign") ? path : BASE + path, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      headers: { Accept: "application/json", "X-Quarterdeck": "1", ...(body && !isForm ? { "Content-Type": "application/json" } : {}), ...headers },
      body: body === undefined || isForm ? body : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    if (answer.ok) return answer.status === 204 ? null : await answer.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(NO_ANSWER);
  }
  throw await failure(answer);
}

/** Read the error of an answer that is not ok. */
export async function failure(answer) {
  const said = await answer.json().then((json) => json.error ?? {}, () => ({}));
  const known = { 401: "You are signed out.", 404: "That is not there any more.", 413: "That is too large.", 429: "That was too fast." };
  const error = new ApiError({
    status: answer.status,
    kind: said.kind,
    message: said.message || known[answer.status] || `The bot answered with an error (${answer.status}).`,
    hint: said.hint,
    retry_after_s: Number(answer.headers.get("Retry-After")) || 0,
  });
  if (answer.status === 401) window.dispatchEvent(new CustomEvent("signed-out"));
  return error;
}

export const get = (path, options) => ask("GET", path, options);
export const post = (path, body, options = {}) => ask("POST", path, { ...options, body });

/** Upload a file; `progress` is told the part that is through, 0 to 1. */
export function upload(file, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch cannot say how far an upload is
    const body = new FormData();
    body.append("file", file, file.name);
    request.open("POST", `${BASE}/uploads`);
    request.setRequestHeader("X-Quarterdeck", "1");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => event.lengthComputable && progress(event.loaded / event.total));
    request.addEventListener("load", () => {
      if (request.status < 300 && request.response) return resolve(request.response);
      const said = request.response?.error ?? {};
      const message = said.message || (request.status === 413 ? "The file is too large." : `The upload failed (${request.status}).`);
      reject(new ApiError({ status: request.status, ...said, message }));
    });
    request.addEventListener("error", () => reject(new ApiError(NO_ANSWER)));
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    signal?.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}
