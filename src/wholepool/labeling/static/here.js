// What this window knows and shows, and what follows from it.

/** One object, which every part of the page reads and changes. */
export const here = {
  batch: { images: [], review: [] }, // as the server lists it
  told: { answers: {}, classes: [], merged: {}, others: [], undo: null }, // the server's latest word
  view: "single", // or "grid"
  at: null, // the image before the person
  pinned: null, // an image that is to be answered again, out of turn
  pass: null, // the images left as later that this pass has still to show
  open: { guess: false, why: false }, // what is shown of it now
  picking: null, // what a class is chosen for: { what: "rename" } or { what: "merge", from, into }
  back: false, // the image was opened from the grid, and the grid comes after it
};

const WORDS = { later: "later", unsure: "cannot tell", bad: "bad image" };

export const answer = (image) => here.told.answers[image];
export const isLater = (image) =>
  answer(image)?.answer === "later" && !answer(image).done;
export const isOpen = (image) => !answer(image)?.done && !isLater(image);
export const entryOf = (image) =>
  here.batch.images.find((entry) => entry.image === image)
  || here.batch.review.find((entry) => entry.image === image);
export const isReview = (image) => !here.batch.images.some((entry) => entry.image === image);

/** The images that wait, the first of them first. */
export function upcoming() {
  const waiting = here.pass
    ? here.pass.filter(isLater)
    : here.batch.images.map((entry) => entry.image).filter(isOpen);
  const free = waiting.filter((image) => !here.told.others.includes(image));
  return here.pinned ? [here.pinned, ...waiting.filter((image) => image !== here.pinned)]
    : free.length ? free : waiting;
}

/** The class as which answers of a class count: the batch may name one that is merged by now. */
export const counted = (key) => here.told.merged[key] ?? key;

/** An answer in words. */
export function named(given) {
  if (!given) return "no label";
  if (typeof given === "string") return WORDS[given];
  const key = counted(given.class);
  return here.told.classes.find((one) => one.class === key)?.name ?? key;
}

const SEEN = "wholepool-seen";
const seen = JSON.parse(sessionStorage.getItem(SEEN) || "{}"); // image -> { guess, why }

/** Note that the person was shown something of an image; a reload does not make it unseen. */
export function saw(image, what) {
  if (seen[image]?.[what]) return;
  seen[image] = { ...seen[image], [what]: true };
  sessionStorage.setItem(SEEN, JSON.stringify(seen));
}

/** What the page has shown of an image, for the journal. */
export const shownOf = (image) => ({
  view: here.back ? "grid" : "batch", guess: false, why: false, ...seen[image],
});
