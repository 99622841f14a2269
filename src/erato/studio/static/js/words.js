// Numbers as a person says them: times, sizes, counts. Knows nothing of what they measure.

const round = (value, digits = 0) => Number(value.toFixed(digits)).toLocaleString("en-GB");

// How many of something: "1 file", "12 files".
export const count = (number, one, many = `${one}s`) =>
  `${number.toLocaleString("en-GB")} ${number === 1 ? one : many}`;

// A span of seconds, roughly: "8 seconds", "3 minutes", "2 hours 10 minutes".
export function span(seconds) {
  const all = Math.max(0, seconds);
  if (all < 59.5) return count(Math.round(all), "second");
  const minutes = Math.round(all / 60);
  if (minutes < 60) return count(minutes, "minute");
  const rest = minutes % 60;
  return rest ? `${count(Math.floor(minutes / 60), "hour")} ${count(rest, "minute")}` : count(minutes / 60, "hour");
}

// A place in a piece: "0:07", "12:40".
export function clock(seconds) {
  const all = Math.max(0, Math.round(seconds));
  return `${Math.floor(all / 60)}:${String(all % 60).padStart(2, "0")}`;
}

// Bytes: "3 KB", "1.2 MB".
export function size(bytes) {
  if (bytes < 1e3) return count(bytes, "byte");
  if (bytes < 1e6) return `${round(bytes / 1e3)} KB`;
  return bytes < 1e9 ? `${round(bytes / 1e6, 1)} MB` : `${round(bytes / 1e9, 1)} GB`;
}

// When something was (seconds since 1970): "today, 14:05", "3 May 2025".
export function when(seconds) {
  const date = new Date(1000 * seconds),
    today = new Date();
  if (date.toDateString() === today.toDateString())
    return `today, ${date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
}

// "four parts" -> "Four parts."
export function sentence(text) {
  const said = `${text.charAt(0).toUpperCase()}${text.slice(1)}`.trim();
  return /[.!?…]$/.test(said) ? said : `${said}.`;
}

// The first sentence of several; "J. S. Bach" is no end of one.
export const firstSentence = (text) => sentence(text.split(/(?<=[a-z0-9)])\. (?=[A-Z])/)[0]);
