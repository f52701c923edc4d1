// The person's page: one image at a time, answered by keys or buttons.

import { drawDone, drawPicking, drawSingle } from "./draw.js";
import { draw, STEP } from "./grid.js";
import { answer, entryOf, here, isLater, named, saw, shownOf, upcoming } from "./here.js";
import { keyOf, KEYS, OTHERS } from "./keys.js";
import { fit, keep, photo, why } from "./photos.js";
import { get, Refused, save, state } from "./server.js";

const POLL = 2000; // milliseconds
const AHEAD = 3; // images that are loaded before they are needed

const $ = (id) => document.getElementById(id);
const all = (query) => document.querySelectorAll(query);

let form = null; // null, "new", or the class that is being renamed
let saving = false;
let saves = 0; // what was asked before the latest save is old news
let limit = STEP;
let scrolled = 0;
let wake = () => {};

// ---- what comes next

function advance() {
  let images = upcoming();
  if (here.pass && !images.length) {
    here.pass = null;
    images = upcoming();
  }
  show(images[0] ?? null);
}

function show(image) {
  const other = image !== here.at;
  here.at = image;
  if (other) {
    here.open = { guess: false, why: false };
    closeForm();
    place(image);
  }
  const ahead = [...new Set([...(image ? [image] : []), ...upcoming()])].slice(0, AHEAD + 1);
  if (here.told.undo && entryOf(here.told.undo.image)) ahead.push(here.told.undo.image);
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
    if (here.at !== image) return undefined;
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

function render() {
  const images = here.batch.images.map((entry) => entry.image);
  const finished = images.filter((image) => answer(image)?.done);
  const later = images.filter(isLater);
  $("count").textContent = `${finished.length} of ${images.length}`;
  $("count").setAttribute("aria-label", `${finished.length} of ${images.length} answered`);
  $("progress").max = Math.max(1, images.length);
  $("progress").value = finished.length;
  $("single").hidden = here.view !== "single" || here.at === null;
  $("done").hidden = here.view !== "single" || here.at !== null;
  $("grid").hidden = here.view !== "grid";
  $("view").querySelector("span").textContent = here.view === "grid" || here.back ? "Back" : "Grid";
  if (here.view === "grid") drawGrid();
  else if (here.at === null) drawDone(images, later);
  else drawSingle();
  for (const button of all("[data-key=u]")) button.disabled = !here.told.undo;
}

function drawGrid() {
  const page = {
    sort: $("sort"), title: $("grid-title"), empty: $("grid-empty"), cells: $("cells"),
    more: $("more"),
  };
  draw(page, here.batch, here.told, named, limit, (image) => {
    scrolled = $("grid").scrollTop;
    here.view = "single";
    here.pinned = image;
    here.back = true;
    show(image);
  });
}

function toGrid() {
  Object.assign(here, { view: "grid", back: false, pinned: null });
  closeForm();
  render();
  $("grid").scrollTop = scrolled;
}

function toSingle() {
  Object.assign(here, { view: "single", back: false, pinned: null, at: null });
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
      alarm(`Not saved, tried again in ${seconds} s: ${text}`, "Try again now");
      return new Promise((now) => { wake = now; });
    });
    here.told = given.state;
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
  const image = here.at;
  const element = photo(image);
  if (!element.state && value !== "later") return; // nobody has seen it yet
  const line = { kind: "answer", image, answer: value, shown: shownOf(image) };
  if (!(await write(line))) return;
  if (here.pass) here.pass = here.pass.filter((one) => one !== image);
  if (here.back) toGrid();
  else {
    here.pinned = null;
    advance();
    look(); // the other windows are told at once where this one is now
  }
}

async function undo() {
  if (!here.told.undo) return;
  const { of, image, class: merged } = here.told.undo;
  if (!(await write({ kind: "undo", of }))) return;
  if (merged) say(`${named({ class: merged })} is a class of its own again`);
  if (merged || here.view === "grid") render();
  else {
    here.pinned = image;
    here.back = false;
    show(image);
  }
}

// ---- classes

function openForm(kind) {
  form = kind;
  here.picking = null;
  const old = here.told.classes.find((one) => one.class === kind)?.name ?? "";
  $("form-label").textContent = old ? `New name for ${old}`
    : here.told.classes.length ? "Name of the new class" : "No class yet: type the first one";
  $("name").value = old;
  $("form-error").textContent = "";
  $("form").hidden = false;
  drawPicking();
  $("name").focus();
  $("name").select();
}

function closeForm() {
  const inside = document.activeElement?.closest("#form, #confirm");
  form = null;
  here.picking = null;
  drawPicking();
  $("form").hidden = true;
  if (inside) document.activeElement.blur(); // else keys would still go there
}

function cancel() {
  closeForm();
  render();
}

async function submit() {
  const name = $("name").value;
  if (saving || !form || !name.trim()) return;
  const taken = here.told.classes.find((one) =>
    one.class !== form && one.name.toLowerCase() === name.trim().toLowerCase());
  if (taken) {
    $("form-error").textContent = `There is a class ${taken.name} already: type another name`;
    return;
  }
  const line = form === "new" ? { kind: "class", name } : { kind: "rename", class: form, name };
  const written = await write(line, (text) => { $("form-error").textContent = text; });
  if (!written) return;
  closeForm();
  render();
}

/** Have a class chosen, to rename it or to merge it; a second time ends that. */
function pick(what) {
  const again = here.picking?.what === what;
  closeForm();
  here.picking = again ? null : { what };
  render();
}

function picked(key) {
  const { what, from } = here.picking;
  if (what === "rename") return openForm(key);
  if (!from) here.picking = { what, from: key };
  else if (key !== from) here.picking = { what, from, into: key };
  render();
  return here.picking.into && $("confirm-yes").focus();
}

async function merge() {
  const { from, into } = here.picking;
  const words = `${named({ class: from })} is merged into ${named({ class: into })}`;
  const written = await write({ kind: "merge", class: from, into });
  closeForm();
  if (written) say(words);
  render();
}

// ---- keys and buttons

function pressed(key) {
  if (saving) return undefined;
  if (here.picking?.into && key !== "Escape") return key === "Enter" ? void merge() : undefined;
  if (key === "v") return here.view === "grid" ? toSingle() : toGrid();
  if (key === "u" || key === "Backspace") return void undo();
  if (key === "Escape" && (here.picking || form)) return cancel();
  if (key === "Escape" && here.view === "single" && here.back) return toGrid();
  if (here.view === "grid") return undefined;
  if (key === "Enter") return goOn();
  if (here.at === null) return undefined;
  const place = KEYS.indexOf(key);
  if (place >= 0 && here.told.classes[place]) return choose(here.told.classes[place].class);
  if (key in OTHERS) return void give(OTHERS[key]);
  if (key === "g" || key === "w") return reveal(key === "g" ? "guess" : "why");
  if (key === "n") return openForm("new");
  if (key === "r" && here.told.classes.length) return pick("rename");
  return undefined;
}

function goOn() {
  if (here.at === null) {
    const later = here.batch.images.map((entry) => entry.image).filter(isLater);
    here.pass = later.length ? later : null;
    advance();
  } else if (answer(here.at)?.done && !here.pinned) advance();
}

function choose(key) {
  if (here.picking) picked(key);
  else give({ class: key });
}

function reveal(what) {
  here.open[what] = !here.open[what];
  saw(here.at, what);
  render();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const key = keyOf(event);
  const field = event.target.closest("input, select");
  if (field) {
    if (key === "Escape") cancel();
    return;
  }
  const onButton = event.target.closest("button") && (key === " " || key === "Enter");
  if (onButton) { // it was reached by Tab, or asks whether to merge
    if (event.repeat) event.preventDefault();
    return;
  }
  const ours = key in OTHERS || ["Backspace", "Enter"].includes(key);
  if (ours) event.preventDefault();
  if (event.repeat) return; // a key that is held down is one answer
  if (/^[a-z0-9]$/.test(key)) event.preventDefault(); // else it lands in a field that opens
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
    if (here.back) toGrid();
    else pressed("v");
  } else if (button.id === "again") goOn();
  else if (button.id === "more") {
    limit += STEP;
    render();
  } else if (["form-cancel", "confirm-no"].includes(button.id)) cancel();
  else if (button.id === "merge") pick("merge");
  else if (button.id === "confirm-yes") merge();
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
    const now = await state(here.at);
    if (lost && !saving) alarm(""); // a save says itself how it is
    lost = false;
    if (saving || before !== saves) return;
    const changed = JSON.stringify(now) !== JSON.stringify(here.told);
    here.told = now;
    const busy = form || here.picking || here.view !== "single";
    if (now.batch !== here.batch.batch) await begin();
    else if (!busy && (here.at === null || overtaken())) advance();
    else if (changed) render();
  } catch (error) {
    if (saving) return; // that says so itself
    lost = true;
    alarm(error instanceof Refused ? error.message
      : "The server does not answer. Is the command still running? All answers up to here are saved.");
  }
}

/** Others have answered the image here, and no other waits: no key can hit a wrong one then. */
const overtaken = () => answer(here.at)?.done && !here.pinned && !upcoming().length;

async function begin() {
  here.batch = await get("batch");
  here.pinned = here.pass = here.at = null;
  here.back = false;
  const aside = here.told.aside;
  if (aside) alarm(`${aside} damaged lines of the journal are set aside; all others count.`);
  if (here.view === "grid") render();
  else advance();
  if (here.at !== null && !here.told.classes.length) openForm("new");
}

async function poll() {
  if (!document.hidden) await look();
  setTimeout(poll, POLL);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
say("All answers are saved");
poll();
