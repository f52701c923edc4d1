// Drawing the image's side of the page, and the page that comes after the last image.

import { percent } from "./grid.js";
import { answer, entryOf, here, isReview, named } from "./here.js";

export const KEYS = [..."123456789abcdefhijklmopqstyz"]; // classes, in order; u g w n r v x mean else
export const OTHERS = { " ": "later", "?": "unsure", x: "bad" };

const $ = (id) => document.getElementById(id);

export function drawSingle() {
  const entry = entryOf(here.at);
  $("path").textContent = entry.path;
  $("note").textContent = noteOn(entry);
  $("picking").hidden = !here.picking;
  const standing = answer(here.at)?.answer;
  $("classes").replaceChildren(...here.told.classes.map((one, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.class = one.class;
    const key = KEYS[place];
    const mark = document.createElement("kbd");
    mark.textContent = key ?? "–";
    const name = document.createElement("span");
    name.textContent = one.name;
    button.append(mark, name);
    if (key) button.setAttribute("aria-keyshortcuts", key);
    button.classList.toggle("chosen", standing?.class === one.class);
    return button;
  }));
  $("classes").classList.toggle("many", here.told.classes.length > 9);
  for (const [key, word] of Object.entries(OTHERS)) {
    document.querySelector(`#others [data-key="${key}"]`)
      .classList.toggle("chosen", standing === word);
  }
  document.querySelector("[data-key=g]").setAttribute("aria-pressed", here.open.guess);
  document.querySelector("[data-key=w]").setAttribute("aria-pressed", here.open.why);
  document.querySelector("[data-key=r]").disabled = !here.told.classes.length;
  drawAbout(entry);
}

function noteOn(entry) {
  const words = [];
  if (isReview(here.at) && entry.label) {
    const sure = typeof entry.certainty === "number" ? `, certainty ${percent(entry.certainty)}` : "";
    words.push(`Labeled as ${named({ class: entry.label })}${sure}.`);
  }
  const standing = answer(here.at);
  if (standing) {
    const who = standing.by === here.told.annotator ? "" : ` by ${standing.by}`;
    words.push(`Answered${who}: ${named(standing.answer)}.`);
    if (standing.done && !here.pinned) words.push("Enter goes on.");
  }
  return words.join(" ");
}

function drawAbout(entry) {
  const lines = [];
  const say = (text) => lines.push(
    Object.assign(document.createElement("p"), { textContent: text }));
  if (here.open.guess) {
    const guess = entry.guess ?? (entry.label && { class: entry.label, probability: entry.certainty });
    say(guess
      ? `The model's guess: ${named({ class: guess.class })}`
        + (typeof guess.probability === "number" ? `, ${percent(guess.probability)}` : "")
      : "There is no guess for this image.");
  }
  if (here.open.why) {
    const score = typeof entry.why?.score === "number" ? entry.why.score.toPrecision(3) : null;
    say(entry.why
      ? `Picked by ${entry.why.strategy}${score === null ? "" : `, score ${score}`}`
      : "Nothing is known about why this image was picked.");
    if (entry.nearest?.length) {
      say("Most similar of the labeled images:");
      lines.push(nearest(entry));
    }
  }
  $("about").hidden = !lines.length;
  $("about").replaceChildren(...lines);
}

function nearest(entry) {
  const row = Object.assign(document.createElement("div"), { className: "near" });
  for (const one of entry.nearest) {
    const figure = document.createElement("figure");
    const label = one.label ? named({ class: one.label }) : "no label";
    const image = document.createElement("img");
    image.src = `thumb/${one.image}`;
    image.alt = label;
    figure.append(image, Object.assign(document.createElement("figcaption"), {
      textContent: label,
    }));
    row.append(figure);
  }
  return row;
}

export function drawDone(images, finished, later) {
  const word = (given) => images.filter((image) => answer(image)?.answer === given).length;
  const labeled = images.filter((image) => answer(image)?.answer?.class).length;
  $("done-title").textContent = !images.length ? "This batch has no images"
    : later.length ? "Every image has been shown" : "This batch is done";
  const counts = [
    [labeled, "labeled"], [word("unsure"), "cannot tell"], [word("bad"), "marked bad"],
    [later.length, "left as later"],
  ];
  $("done-list").replaceChildren(...counts.filter(([count]) => count).map(([count, text]) =>
    Object.assign(document.createElement("li"), { textContent: `${count} ${text}` })));
  $("done-next").textContent = "What to do next: end this page with Ctrl+C in the terminal. "
    + "Your answers are on disk, in the file that was named there.";
  $("again").hidden = !later.length;
  $("again").lastElementChild.textContent = `Go through those left as later (${later.length})`;
}
