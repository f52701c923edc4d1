// The grid: images to look at again, sorted so that errors stand together.

import { counted, saw } from "./here.js";

export const STEP = 200; // cells at once

const thumbnails = new Map(); // image -> its element

const ORDERS = {
  certainty: ["least certain first", (a, b) => number(a.certainty) - number(b.certainty)],
  class: ["class", null],
  disagreement: [
    "most disagreement first",
    (a, b) => (b.disagreement ?? -1) - (a.disagreement ?? -1),
  ],
};

const number = (value) => (typeof value === "number" ? value : Infinity);

/** The batch's `review`, or, where it has none, the images that are answered by now. */
export function entries(batch, told) {
  if (batch.review.length) return batch.review;
  return batch.images.filter((entry) => told.answers[entry.image]);
}

/** Draw the grid into `cells`; `open(image)` is called for the one that is clicked. */
export function draw(page, batch, told, named, limit, open) {
  const found = entries(batch, told).map((entry) => ({
    ...entry,
    now: told.answers[entry.image]?.answer ?? (entry.label && { class: counted(entry.label) }),
  }));
  offer(page.sort, found);
  const order = page.sort.value;
  const places = new Map(told.classes.map((one, place) => [one.class, place]));
  const place = (entry) => places.get(entry.now?.class) ?? places.size;
  const compare = ORDERS[order][1] || ((a, b) =>
    place(a) - place(b) || named(a.now).localeCompare(named(b.now))
    || number(a.certainty) - number(b.certainty));
  found.sort(compare);
  page.title.textContent = batch.review.length
    ? `${found.length} images to look at again`
    : `${found.length} answered images of this batch`;
  page.empty.hidden = found.length > 0;
  page.empty.textContent = "Nothing to look at yet: answered images appear here.";
  const items = [];
  let heading = null;
  for (const entry of found.slice(0, limit)) {
    if (order === "class" && named(entry.now) !== heading) {
      heading = named(entry.now);
      items.push(Object.assign(document.createElement("li"), {
        className: "heading", textContent: heading,
      }));
    }
    items.push(cell(entry, told, named, open));
  }
  page.cells.replaceChildren(...items);
  page.more.hidden = found.length <= limit;
}
function offer(select, found) {
  const kept = select.value;
  const useful = Object.keys(ORDERS).filter(
    (key) => key === "class" || found.some((entry) => typeof entry[key] === "number"),
  );
  const options = useful.map((key) => new Option(ORDERS[key][0], key));
  select.replaceChildren(...options);
  if (useful.includes(kept)) select.value = kept;
}

function cell(entry, told, named, open) {
  if (entry.label) saw(entry.image, "guess"); // a label that no person gave is a guess
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.image = entry.image;
  button.append(thumbnail(entry.image), text("name", named(entry.now)));
  if (typeof entry.certainty === "number") {
    button.append(text("quiet", `certainty ${percent(entry.certainty)}`));
  }
  if (typeof entry.disagreement === "number") {
    button.append(text("quiet", `disagreement ${percent(entry.disagreement)}`));
  }
  if (entry.label && told.answers[entry.image]) {
    const kept = told.answers[entry.image].answer?.class === counted(entry.label);
    button.append(text("corrected", kept ? "confirmed" : "corrected"));
  }
  button.setAttribute("aria-label", `${named(entry.now)}, ${entry.path}: open`);
  button.addEventListener("click", () => open(entry.image));
  item.append(button);
  return item;
}

/** The element of a thumbnail, the same one whenever the grid is drawn: it would flicker else. */
function thumbnail(image) {
  if (!thumbnails.has(image)) {
    const element = document.createElement("img");
    element.loading = "lazy";
    element.alt = "";
    element.src = `thumb/${image}`;
    element.addEventListener("error", () => element.replaceWith("cannot be shown"));
    thumbnails.set(image, element);
  }
  return thumbnails.get(image);
}

/** A share in percent; what is nearly nothing or all has a decimal, so that it looks like neither. */
export function percent(share) {
  const edge = (share > 0 && share < 0.1) || (share > 0.99 && share < 1);
  return `${(100 * share).toFixed(edge ? 1 : 0)} %`;
}

function text(name, words) {
  return Object.assign(document.createElement("span"), { className: name, textContent: words });
}
