// Drawing the image's side of the page, and the page that comes after the last image.

import { percent } from "./grid.js";
import { answer, entryOf, here, isReview, named } from "./here.js";
import { KEYS, OTHERS } from "./keys.js";

const $ = (id) => document.getElementById(id);

export function drawSingle() {
  const entry = entryOf(here.at);
  $("path").textContent = entry.path;
  $("note").textContent = noteOn(entry);
  drawPicking();
  const standing = answer(here.at)?.answer;
  const chosen = here.picking ? here.picking.from : standing?.class;
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
    button.classList.toggle("chosen", one.class === chosen);
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
  $("merge").disabled = here.told.classes.length < 2;
  drawAbout(entry);
}

/** What a class is chosen for, and, once two are, whether they are to be merged. */
export function drawPicking() {
  const { what, from, into } = here.picking ?? {};
  const name = (key) => named({ class: key });
  $("picking").hidden = !what || Boolean(into);
  $("picking-text").textContent = what === "rename" ? "Which class is to be renamed?"
    : from ? `Into which class is ${name(from)} to be merged?`
      : "Which class is to be merged into another one, and end?";
  $("confirm").hidden = !into;
  $("confirm-text").textContent = into ? `Merge ${name(from)} into ${name(into)}? `
    + `Every answer ${name(from)}, of earlier batches too, counts as ${name(into)}. `
    + "Undo takes it back." : "";
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
      : entry.everyone ? "Asked once more: the answers so far differ, or it was left for later."
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

/** What to do next: the loop's command picks other images, and this page then shows them. */
function next(later) {
  const command = here.batch.next;
  if (!command) {
    return ["Your answers are on disk, in the file that was named in the terminal. "
      + "What to do next: end this page there, with Ctrl+C."];
  }
  const code = Object.assign(document.createElement("code"), {
    textContent: later.length ? `${command} --go-on` : command,
  });
  return [
    "Your answers are on disk. What to do next: run ", code, " in another terminal",
    later.length ? ", which learns without those left as later" : "",
    ". This page shows the images that it picks. Or end this page first, with Ctrl+C.",
  ];
}

export function drawDone(images, later) {
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
  $("done-next").replaceChildren(...next(later));
  $("again").hidden = !later.length;
  $("again").lastElementChild.textContent = `Go through those left as later (${later.length})`;
}
