// The person's page: one image at a time, answered by keys or buttons.

import { draw, percent, STEP } from "./grid.js";
import { fit, keep, photo, why } from "./photos.js";
import { get, Refused, save, state } from "./server.js";

const KEYS = [..."123456789abcdefhijklmopqstyz"]; // classes, in order; u g w n r v x mean else
const OTHERS = { " ": "later", "?": "unsure", x: "bad" };
const WORDS = { later: "later", unsure: "cannot tell", bad: "bad image" };
const POLL = 2000; // milliseconds
const AHEAD = 3; // images that are loaded before they are needed

const $ = (id) => document.getElementById(id);
const all = (query) => document.querySelectorAll(query);

let batch = { images: [], review: [] };
let told = { answers: {}, classes: [], others: [], undo: null };
let view = "single"; // or "grid"
let at = null; // the image before the person
let pinned = null; // an image that is to be answered again, out of turn
let pass = null; // the images left as later that this pass has still to show
let seen = {}; // what was shown of the image before the person
let open = { guess: false, why: false }; // what is shown of it now
let form = null; // null, "new", or the class that is being renamed
let picking = false; // the class to rename is being chosen
let saving = false;
let saves = 0; // what was asked before the latest save is old news
let limit = STEP;
let scrolled = 0;
let wake = () => {};

// ---- what comes next

const answer = (image) => told.answers[image];
const isLater = (image) => answer(image) && !answer(image).done && answer(image).answer === "later";
const isOpen = (image) => !answer(image)?.done && !isLater(image);
const entryOf = (image) =>
  batch.images.find((entry) => entry.image === image)
  || batch.review.find((entry) => entry.image === image);
const isReview = (image) => !batch.images.some((entry) => entry.image === image);

function upcoming() {
  const waiting = pass
    ? pass.filter(isLater)
    : batch.images.map((entry) => entry.image).filter(isOpen);
  const free = waiting.filter((image) => !told.others.includes(image));
  return pinned ? [pinned, ...waiting.filter((image) => image !== pinned)]
    : free.length ? free : waiting;
}

function advance() {
  let images = upcoming();
  if (pass && !images.length) {
    pass = null;
    images = upcoming();
  }
  show(images[0] ?? null);
}

function show(image) {
  if (image !== at) {
    seen = { view: image && isReview(image) ? "review" : "batch", guess: false, why: false };
    if (image && isReview(image)) seen.guess = Boolean(entryOf(image).label); // the grid told it
    open = { guess: false, why: false };
    closeForm();
    place(image);
  }
  at = image;
  const ahead = [...new Set([...(image ? [image] : []), ...upcoming()])].slice(0, AHEAD + 1);
  if (told.undo && entryOf(told.undo.image)) ahead.push(told.undo.image);
  keep(ahead);
  render();
}

async function place(image) {
  if (!image) return $("photo").replaceChildren();
  const element = photo(image);
  const entry = entryOf(image);
  element.alt = `The image to be labeled, ${entry.path}`;
  if (!element.state) {
    $("photo").replaceChildren();
    await element.ready;
    if (at !== image) return undefined;
  }
  $("photo").replaceChildren(element);
  fit($("photo"));
  if (element.state === "gone") {
    const words = Object.assign(document.createElement("p"), {
      className: "gone", textContent: "This image cannot be shown.",
    });
    $("photo").replaceChildren(words);
    const reason = await why(image);
    words.textContent = `This image cannot be shown: ${reason}`;
  }
  return render();
}

// ---- drawing

function named(given) {
  if (!given) return "no label";
  if (typeof given === "string") return WORDS[given];
  return told.classes.find((one) => one.class === given.class)?.name ?? given.class;
}

function render() {
  const images = batch.images.map((entry) => entry.image);
  const finished = images.filter((image) => answer(image)?.done);
  const later = images.filter(isLater);
  $("count").textContent = `${finished.length} of ${images.length}`;
  $("count").setAttribute("aria-label", `${finished.length} of ${images.length} answered`);
  $("progress").max = Math.max(1, images.length);
  $("progress").value = finished.length;
  $("single").hidden = view !== "single" || at === null;
  $("done").hidden = view !== "single" || at !== null;
  $("grid").hidden = view !== "grid";
  $("view").querySelector("span").textContent = view === "grid" || comesBack() ? "Back" : "Grid";
  if (view === "grid") drawGrid();
  else if (at === null) drawDone(images, finished, later);
  else drawSingle();
  for (const button of all("[data-key=u]")) button.disabled = !told.undo;
}

function drawSingle() {
  const entry = entryOf(at);
  $("path").textContent = entry.path;
  $("note").textContent = noteOn(entry);
  $("picking").hidden = !picking;
  const standing = answer(at)?.answer;
  $("classes").replaceChildren(...told.classes.map((one, place) => {
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
  for (const [key, word] of Object.entries(OTHERS)) {
    document.querySelector(`#others [data-key="${key}"]`)
      .classList.toggle("chosen", standing === word);
  }
  document.querySelector("[data-key=g]").setAttribute("aria-pressed", open.guess);
  document.querySelector("[data-key=w]").setAttribute("aria-pressed", open.why);
  document.querySelector("[data-key=r]").disabled = !told.classes.length;
  drawAbout(entry);
}

function noteOn(entry) {
  const words = [];
  if (isReview(at) && entry.label) {
    const sure = typeof entry.certainty === "number" ? `, certainty ${percent(entry.certainty)}` : "";
    words.push(`Labeled as ${named({ class: entry.label })}${sure}.`);
  }
  const standing = answer(at);
  if (standing) {
    const who = standing.by === told.annotator ? "" : ` by ${standing.by}`;
    words.push(`Answered${who}: ${named(standing.answer)}.`);
    if (standing.done && !pinned) words.push("Enter goes on.");
  }
  return words.join(" ");
}

function drawAbout(entry) {
  const lines = [];
  const say = (text) => lines.push(
    Object.assign(document.createElement("p"), { textContent: text }));
  if (open.guess) {
    const guess = entry.guess ?? (entry.label && { class: entry.label, probability: entry.certainty });
    say(guess
      ? `The model's guess: ${named({ class: guess.class })}`
        + (typeof guess.probability === "number" ? `, ${percent(guess.probability)}` : "")
      : "There is no guess for this image.");
  }
  if (open.why) {
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

function drawDone(images, finished, later) {
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
  const command = Object.assign(document.createElement("code"), { textContent: "wholepool next" });
  $("done-next").replaceChildren(
    "What to do next: in the terminal, end this page with Ctrl+C and run ", command,
    ". It learns from these answers and picks the next images.",
  );
  $("again").hidden = !later.length;
  $("again").lastElementChild.textContent = `Go through the ${later.length} left as later`;
}

function drawGrid() {
  const page = {
    sort: $("sort"), title: $("grid-title"), empty: $("grid-empty"), cells: $("cells"),
    more: $("more"),
  };
  draw(page, batch, told, named, limit, (image) => {
    scrolled = $("grid").scrollTop;
    view = "single";
    pinned = image;
    back = true;
    show(image);
  });
}

let back = false; // the image was opened from the grid, and the grid comes after it
const comesBack = () => back;

function toGrid() {
  view = "grid";
  back = false;
  pinned = null;
  closeForm();
  render();
  $("grid").scrollTop = scrolled;
}

function toSingle() {
  view = "single";
  back = false;
  pinned = null;
  at = null;
  advance();
}

// ---- writing

function say(text, kind = "") {
  $("saved").textContent = text;
  $("saved").className = kind;
}

function alarm(text, retry = "") {
  $("alert").hidden = !text;
  $("alert-text").textContent = text;
  $("retry").textContent = retry || "Close";
}

/** Save a line; null where the server refuses it, which is said. */
async function write(line, refused = alarm) {
  saving = true;
  const slow = setTimeout(() => say("Saving…", "waiting"), 150);
  try {
    const given = await save(line, (text, seconds) => {
      say("Not saved yet", "wrong");
      alarm(`Not saved: ${text} It is tried again in ${seconds} s.`, "Try again now");
      return new Promise((now) => { wake = now; });
    });
    told = given.state;
    alarm("");
    say("All answers are saved");
    return given.line;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say("");
    refused(error.message);
    return null;
  } finally {
    clearTimeout(slow);
    saves += 1;
    saving = false;
  }
}

async function give(value) {
  const image = at;
  const element = photo(image);
  if (!element.state && value !== "later") return; // nobody has seen it yet
  const line = { kind: "answer", image, answer: value, shown: { ...seen } };
  if (!(await write(line))) return;
  if (pass) pass = pass.filter((one) => one !== image);
  if (back) toGrid();
  else {
    pinned = null;
    advance();
  }
}

async function undo() {
  if (!told.undo) return;
  const { of, image } = told.undo;
  if (!(await write({ kind: "undo", of }))) return;
  if (view === "grid") render();
  else {
    pinned = image;
    back = false;
    show(image);
  }
}

// ---- classes

function openForm(kind) {
  form = kind;
  picking = false;
  const old = told.classes.find((one) => one.class === kind)?.name ?? "";
  $("form-label").textContent = old ? `New name for ${old}`
    : told.classes.length ? "Name of the new class" : "No class yet: type the first one";
  $("name").value = old;
  $("form-error").textContent = "";
  $("form").hidden = false;
  $("picking").hidden = true;
  $("name").focus();
  $("name").select();
}

function closeForm() {
  form = null;
  picking = false;
  $("picking").hidden = true;
  $("form").hidden = true;
  document.activeElement?.blur();
}

async function submit() {
  const name = $("name").value;
  if (saving || !form || !name.trim()) return;
  const line = form === "new" ? { kind: "class", name } : { kind: "rename", class: form, name };
  const line_ = await write(line, (text) => { $("form-error").textContent = text; });
  if (!line_) return;
  closeForm();
  render();
}

// ---- keys and buttons

function pressed(key) {
  if (saving) return;
  if (key === "v") return view === "grid" ? toSingle() : toGrid();
  if (key === "u" || key === "Backspace") return void undo();
  if (key === "Escape" && (picking || form)) return closeForm();
  if (key === "Escape" && view === "single" && back) return toGrid();
  if (view === "grid") return undefined;
  if (key === "Enter") return goOn();
  if (at === null) return undefined;
  const place = KEYS.indexOf(key);
  if (place >= 0 && told.classes[place]) return choose(told.classes[place].class);
  if (key in OTHERS) return void give(OTHERS[key]);
  if (key === "g" || key === "w") return reveal(key === "g" ? "guess" : "why");
  if (key === "n") return openForm("new");
  if (key === "r" && told.classes.length) {
    picking = !picking;
    return render();
  }
  return undefined;
}

function goOn() {
  if (at === null) {
    const later = batch.images.map((entry) => entry.image).filter(isLater);
    pass = later.length ? later : null;
    advance();
  } else if (answer(at)?.done && !pinned) advance();
}

function choose(key) {
  if (picking) openForm(key);
  else give({ class: key });
}

function reveal(what) {
  open[what] = !open[what];
  seen[what] = true;
  render();
}

/** The key as this page names it: on any layout, a letter's key is that letter, a digit's a digit. */
function keyOf(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key in OTHERS || /^[a-z0-9]$/.test(key) || key.length > 1) return key;
  return /^(Key|Digit)(.)$/.exec(event.code)?.[2].toLowerCase() ?? key;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const key = keyOf(event);
  const field = event.target.closest("input, select");
  if (field) {
    if (key === "Escape") closeForm();
    return;
  }
  const onButton = event.target.closest("button") && (key === " " || key === "Enter");
  if (onButton) return; // the button that was reached by Tab
  const ours = key in OTHERS || ["Backspace", "Enter"].includes(key);
  if (ours) event.preventDefault();
  if (event.repeat) return; // a key that is held down is one answer
  if (/^[a-z]$/.test(key)) event.preventDefault(); // else the letter lands in a field that opens
  pressed(key);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (event.detail) button.blur(); // by a pointer: the space bar means later again
  if (saving && button.id !== "retry") return;
  if (button.dataset.key) pressed(button.dataset.key);
  else if (button.dataset.class) choose(button.dataset.class);
  else if (button.id === "view") {
    if (back) toGrid();
    else pressed("v");
  } else if (button.id === "again") goOn();
  else if (button.id === "more") {
    limit += STEP;
    render();
  } else if (button.id === "form-cancel") closeForm();
  else if (button.id === "retry") {
    wake();
    if (!saving) alarm("");
  }
});

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
$("sort").addEventListener("change", () => {
  limit = STEP;
  render();
  $("sort").blur();
});
new ResizeObserver(() => fit($("photo"))).observe($("photo"));
window.addEventListener("beforeunload", (event) => {
  if (saving) event.preventDefault();
});

// ---- what others do meanwhile

let lost = false;

async function look() {
  const before = saves;
  try {
    const now = await state(at);
    if (lost) alarm("");
    lost = false;
    if (saving || before !== saves) return;
    const changed = JSON.stringify(now) !== JSON.stringify(told);
    told = now;
    if (now.batch !== batch.batch) await begin();
    else if (at === null && view === "single") advance();
    else if (changed) render();
  } catch (error) {
    if (saving) return; // that says so itself
    lost = true;
    alarm(error instanceof Refused ? error.message
      : "The server does not answer. Is the command still running? All answers up to here are saved.");
  }
}

async function begin() {
  batch = await get("batch");
  pinned = pass = at = null;
  back = false;
  const aside = told.aside;
  if (aside) alarm(`${aside} damaged lines of the journal are set aside; all others count.`);
  if (view === "grid") render();
  else advance();
  if (at !== null && !told.classes.length) openForm("new");
}

async function poll() {
  if (!document.hidden) await look();
  setTimeout(poll, POLL);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
say("All answers are saved");
poll();
