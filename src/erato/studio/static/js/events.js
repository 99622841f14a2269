// What happens in the studio, as it happens: one stream of events, taken up again when it breaks. Keeps the newest of
// every job. Knows nothing of pages. A page that nobody sees holds no connection (a browser has six to one address, for
// all its pages).

import { get } from "./api.js";

const RETRY = 1500; // milliseconds between tries to come back
const ENDED = new Set(["done", "failed", "cancelled"]);

const jobs = new Map(); // by id, as last heard of
const listeners = { job: new Set(), takes: new Set(), here: new Set(), back: new Set() };
let source = null,
  since = 0,
  here = true,
  timer = null,
  before = false;

const on = (kind) => (listener) => {
  listeners[kind].add(listener);
  return () => listeners[kind].delete(listener);
};
export const onJob = on("job"); // f(job) at every change of a job
export const onTakes = on("takes"); // f([ids]) of takes that are new or changed
export const onHere = on("here"); // f(whether the studio answers), when that changes
export const onBack = on("back"); // f() after a break: what was missed was fetched for jobs; fetch the rest anew
export const known = () => [...jobs.values()].sort((a, b) => a.created - b.created);
export const hasEnded = (job) => ENDED.has(job.state);

function tell(kind, ...values) {
  for (const listener of [...listeners[kind]]) {
    try {
      listener(...values);
    } catch (error) {
      console.error(error);
    }
  }
}

// Takes in what is known of a job; what is older than what was known is dropped.
export function heard(job) {
  const old = jobs.get(job.id);
  if (old && old.change >= job.change) return;
  jobs.set(job.id, job);
  since = Math.max(since, job.change ?? 0);
  tell("job", job);
}

function isHere(now) {
  if (now === here) return;
  here = now;
  tell("here", now);
}

// Fetches how things stand, then listens.
export async function connect() {
  clearTimeout(timer);
  if (source) return;
  const mine = (source = { close() {} }); // so that nobody else begins while we ask
  try {
    for (const job of (await get("/api/jobs")).jobs) heard(job);
  } catch (error) {
    source = null;
    isHere(error.status !== 0);
    timer = setTimeout(connect, RETRY);
    return;
  }
  if (source !== mine) return;
  isHere(true);
  listen();
  if (before) tell("back");
  before = true;
}

function listen() {
  const stream = (source = new EventSource(`/api/events?since=${since}`));
  stream.addEventListener("job", (event) => heard(JSON.parse(event.data)));
  stream.addEventListener("takes", (event) => tell("takes", JSON.parse(event.data).changed));
  stream.onerror = () => {
    // begins anew from what the server says now, not from where the stream broke
    if (stream !== source) return;
    disconnect();
    timer = setTimeout(connect, 200);
  };
}

function disconnect() {
  source?.close();
  source = null;
  clearTimeout(timer);
}

document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));

// A job's end, as a promise of the job (done, failed or cancelled); `onProgress(job)` at every change, also of a break
// in between.
export function jobEnd(id, onProgress = null) {
  return new Promise((resolve, reject) => {
    const look = (job) => {
      if (job.id !== id) return;
      onProgress?.(job);
      if (!hasEnded(job)) return;
      off();
      resolve(job);
    };
    const off = onJob(look);
    if (jobs.has(id)) look(jobs.get(id));
    get(`/api/jobs/${id}`).then(heard, (error) => {
      if (error.status === 404) {
        off();
        reject(error);
      }
    });
  });
}
