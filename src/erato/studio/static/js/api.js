// Asks the server and says in plain words what it refuses. Paths are whole ("/api/models"). Knows nothing of pages or
// of what is asked.

export class ApiError extends Error {
  // status 0: the studio did not answer. body: what it said, an object or null. retryAfter: seconds, where it named
  // some.
  constructor(status, message, body = null, retryAfter = null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.body = body;
    this.retryAfter = retryAfter;
  }
}

export const AWAY = "The studio is not running; start it with “erato studio” in a terminal.";
const NO_KEY = "This page has lost its key: open the address that “erato studio” shows in the terminal.";

async function ask(method, path, body, signal) {
  const settings = { method, signal, credentials: "same-origin", headers: {} };
  if (body !== undefined) {
    settings.body = JSON.stringify(body);
    settings.headers["Content-Type"] = "application/json";
  }
  const answer = await reached(path, settings);
  const text = await answer.text().catch(() => "");
  return understood(answer.status, text, answer.headers.get("Retry-After"));
}

async function reached(path, settings) {
  try {
    return await fetch(path, settings);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, AWAY);
  }
}

// The answer as JSON (null where there is none), or what it refuses as an ApiError.
function understood(status, text, retryAfter) {
  let body = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    body = null;
  }
  if (status >= 200 && status < 300) return body;
  const message = body?.error ?? (status === 401 ? NO_KEY : `The studio could not do that (it answered ${status}).`);
  throw new ApiError(status, message, body, retryAfter === null ? null : Number(retryAfter));
}

export const get = (path, signal) => ask("GET", path, undefined, signal);
export const post = (path, body = {}, signal) => ask("POST", path, body, signal);
export const put = (path, body, signal) => ask("PUT", path, body, signal);
export const patch = (path, body, signal) => ask("PATCH", path, body, signal);
export const del = (path, signal) => ask("DELETE", path, undefined, signal);

// A file that the server makes: {blob, name}.
export async function file(path) {
  const answer = await reached(path, { credentials: "same-origin" });
  if (!answer.ok) return understood(answer.status, await answer.text().catch(() => ""), answer.headers.get("Retry-After"));
  const [, name = "erato"] = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("Content-Disposition") ?? "") ?? [];
  try {
    return { blob: await answer.blob(), name: decodeURIComponent(name) };
  } catch {
    throw new ApiError(0, "The file broke off before it was whole: is there room on the disk, and does the studio run?");
  }
}

// A path with a query of what is given: values that are null, undefined or "" are left out, lists are repeated.
export function withQuery(path, values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") query.append(name, one);
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

// Sends the bytes of a file; `onProgress(sent, all)` while it goes.
export function upload(path, blob, onProgress = null, method = "PUT") {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, path);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    if (onProgress) request.upload.onprogress = (event) => onProgress(event.loaded, event.total);
    request.onerror = () => reject(new ApiError(0, AWAY));
    request.onload = () => {
      try {
        resolve(understood(request.status, request.responseText, request.getResponseHeader("Retry-After")));
      } catch (error) {
        reject(error);
      }
    };
    request.send(blob);
  });
}

// The sentence for the person. What is no answer of the server is a fault of the page, and goes to the console, too.
export function say(error) {
  if (error instanceof ApiError) {
    const said = error.message.charAt(0).toUpperCase() + error.message.slice(1); // it may begin with a name
    return error.status === 429 && error.retryAfter
      ? `${said.replace(/\.?$/, ".")} Try again in ${error.retryAfter} seconds.`
      : said;
  }
  console.error(error);
  return `Something went wrong in this page: ${error?.message ?? error}`;
}
