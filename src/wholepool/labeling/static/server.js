// Talking to the server: addresses are relative, so they carry the page's token.

const WINDOW = "wholepool-window";
const SECONDS = [1, 2, 4, 8, 15]; // between two tries to save an answer

/** Kept over a reload, so that a window does not meet itself. */
export const windowId = sessionStorage.getItem(WINDOW) || crypto.randomUUID();
sessionStorage.setItem(WINDOW, windowId);

/** What the server refuses for good: a second try would not help. */
export class Refused extends Error {}

export async function get(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Refused(await answer.text());
  return answer.json();
}

export const state = (at) =>
  get(`state?window=${encodeURIComponent(windowId)}&at=${encodeURIComponent(at || "")}`);

/**
 * Send a line until it is saved; it keeps its id, so it is never written twice.
 *
 * `trouble(text, seconds)` is called after each failure, and gives a promise that ends the waiting
 * early. Throws Refused where the server says that the line is wrong.
 */
export async function save(line, trouble) {
  const body = JSON.stringify({ ...line, id: crypto.randomUUID() });
  for (let tries = 0; ; tries += 1) {
    let why = "the server does not answer. Is the command still running?";
    try {
      const answer = await fetch(`lines?window=${encodeURIComponent(windowId)}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body,
      });
      const text = await answer.text();
      if (answer.ok) return JSON.parse(text);
      why = reason(text);
      if (answer.status < 500) throw new Refused(why);
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    const seconds = SECONDS[Math.min(tries, SECONDS.length - 1)];
    let timer;
    const waited = new Promise((done) => { timer = setTimeout(done, seconds * 1000); });
    await Promise.race([waited, trouble(why, seconds)]);
    clearTimeout(timer);
  }
}

function reason(text) {
  try {
    return JSON.parse(text).error || text;
  } catch {
    return text;
  }
}
